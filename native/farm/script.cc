#include "farm/script.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "farm/failure.h"
#include "farm/first.h"
#include "farm/namespaces.h"
#include "farm/root.h"

namespace laminix::farm {

namespace {

/** Copies what there is to read to standard output. @returns whether there may be more */
bool passOn(int from) {
  std::array<char, 1 << 16> bytes;
  const ssize_t size = read(from, bytes.data(), bytes.size());
  if (size < 0 && errno == EINTR) return true;
  for (ssize_t done = 0; done < size;) {
    const ssize_t written = write(STDOUT_FILENO, bytes.data() + done, static_cast<std::size_t>(size - done));
    if (written < 0 && errno != EINTR) return false;
    if (written > 0) done += written;
  }
  return size > 0;
}

bool isAtEnd(int fd) {
  char byte;
  const ssize_t size = read(fd, &byte, 1);
  return size == 0 || (size < 0 && errno != EINTR && errno != EAGAIN);
}

/** Waits for the end of the first process, and with it of all others. */
void watch(pid_t first, const Signals& signals, const Fd& output) {
  std::array items{pollfd{STDIN_FILENO, POLLIN, 0}, pollfd{signals.get(), POLLIN, 0},
                   pollfd{output.get(), POLLIN, 0}};
  auto& [input, signal, printed] = items;
  for (;;) {
    if (poll(items.data(), items.size(), -1) < 0 && errno != EINTR) fail("poll");
    if (input.revents != 0 && isAtEnd(STDIN_FILENO)) {
      kill(first, SIGKILL);
      input.fd = -1;
    }
    if (printed.revents != 0 && !passOn(output.get())) printed.fd = -1;
    if (signal.revents != 0 && signals.next() != SIGCHLD) kill(first, SIGKILL);
    if (waitpid(first, nullptr, WNOHANG) == first) break;
  }
  // No end of file if a process outside was handed a descriptor of it.
  fcntl(output.get(), F_SETFL, O_NONBLOCK);
  while (printed.fd >= 0 && passOn(output.get())) continue;
}

/** @returns how the command ended */
std::string runIn(const Description& description, const Root& root) {
  const Signals signals({SIGTERM, SIGINT, SIGHUP, SIGCHLD});
  Pipe output = makePipe(), report = makePipe(), alive = makePipe();
  const pid_t first = forkIntoNamespaces(description.network);
  if (first == 0) {
    dup2(output.writeEnd.get(), STDOUT_FILENO);
    dup2(output.writeEnd.get(), STDERR_FILENO);
    close(STDIN_FILENO);
    keepOnly(report.writeEnd.get(), alive.readEnd.get());
    beFirst(description, root.resolver());
  }
  output.writeEnd.close();
  report.writeEnd.close();
  watch(first, signals, output.readEnd);
  return receive(report.readEnd);
}

}  // namespace

ScriptEnd runScript(const Description& description) {
  const Root root(description);
  const std::string code = runIn(description, root);
  return {code, root.isEmptied()};
}

}  // namespace laminix::farm
