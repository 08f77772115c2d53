/**
 * Runs a command in namespaces of its own, in a root of its own, or assembles a farm. Its argument is a
 * description (description.h). What it runs ends with whoever started it: a script when standard input ends,
 * a container when descriptor 3 does. Takes a user that may mount: root, or one who is root in a user
 * namespace.
 */
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "farm/container.h"
#include "farm/failure.h"
#include "farm/farm.h"
#include "farm/namespaces.h"
#include "farm/script.h"

namespace {

using namespace laminix::farm;

/** Exit codes. A status has been written with each but the last. */
constexpr int succeeded = 0;
constexpr int commandFailed = 3;
constexpr int systemFailed = 1;

/** Starts this program again without an environment: a forked process keeps its parent's in memory, in
 * /proc/PID/environ. */
void forgetEnvironment(char** arguments) {
  if (*environ == nullptr) return;
  char* nothing = nullptr;
  execve("/proc/self/exe", arguments, &nothing);
  fail("it cannot be started again");
}

/** Adds a line to the status: `problem`, `code` or `emptied`, and a value. */
void tell(const std::string& file, const std::string& line) {
  std::ofstream stream(file, std::ios::app);
  stream << line << '\n' << std::flush;
  if (!stream) fail("the status cannot be written");
}

std::string codeOf(const Description& description) {
  if (description.command.empty()) {
    assembleFarm(description.store.value().folder, *description.store);
    return "0";
  }
  if (description.container) return runContainer(description);
  const ScriptEnd end = runScript(description);
  if (end.emptied) tell(description.status, "emptied=1");
  return end.code;
}

int enter(const Description& description) {
  try {
    const std::string code = codeOf(description);
    tell(description.status, "code=" + code);
    return code == "0" ? succeeded : commandFailed;
  } catch (const Problem& problem) {
    tell(description.status, std::string("problem=") + problem.what());
    return commandFailed;
  } catch (const Failure& failure) {
    // Standard error is the container's.
    if (!description.container) throw;
    tell(description.status, std::string("failure=") + failure.what());
    return systemFailed;
  }
}

}  // namespace

int main(int count, char** arguments) {
  try {
    if (count != 2) throw Failure("it takes a file that describes what to enter");
    forgetEnvironment(arguments);
    const Description description = readDescription(arguments[1]);
    // Descriptors that the caller left open.
    closeFrom(description.container ? keeperFd + 1 : keeperFd);
    umask(0);
    return enter(description);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "laminix-enter: %s\n", error.what());
    return systemFailed;
  }
}
