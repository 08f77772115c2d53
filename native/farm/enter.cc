/**
 * Runs a command in namespaces of its own, in a root of its own. Its argument is a description
 * (description.h); its standard input ends when whoever started it does, and everything in the namespaces
 * ends with it. Takes a user that may mount: root, or one who is root in a user namespace.
 */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <fstream>

#include "farm/failure.h"
#include "farm/first.h"
#include "farm/root.h"

namespace {

using namespace laminix;
using namespace laminix::farm;

/** Exit codes. A status has been written with each but the last. */
constexpr int succeeded = 0;
constexpr int commandFailed = 3;
constexpr int systemFailed = 1;

/** Closes a descriptor and all above. */
void closeFrom(int least) {
  // Since Linux 5.9.
  if (syscall(SYS_close_range, least, ~0U, 0) == 0) return;
  const long most = sysconf(_SC_OPEN_MAX);
  for (int fd = least; fd < most; ++fd) close(fd);
}

/** Starts this program again without an environment: a forked process keeps its parent's in memory, in
 * /proc/PID/environ. */
void forgetEnvironment(char** arguments) {
  if (*environ == nullptr) return;
  char* nothing = nullptr;
  execve("/proc/self/exe", arguments, &nothing);
  fail("it cannot be started again");
}

struct Pipe {
  Fd readEnd, writeEnd;
};

Pipe makePipe() {
  int ends[2];
  must(pipe2(ends, O_CLOEXEC), "no pipe can be had");
  return {Fd(ends[0]), Fd(ends[1])};
}

/** Leaves the first process only what it needs: other descriptors lead to this system's files. */
void keepOnly(int output, int report, int alive) noexcept {
  // First to higher numbers, so that none overwrites another.
  for (int* fd : {&output, &report, &alive}) *fd = fcntl(*fd, F_DUPFD, 10);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  dup3(report, reportFd, O_CLOEXEC);
  dup3(alive, aliveFd, O_CLOEXEC);
  close(STDIN_FILENO);
  closeFrom(aliveFd + 1);
}

/** As fork(2), but the child is the first process of new namespaces. */
pid_t forkIntoNamespaces(bool hasNetwork) {
  unsigned long flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
  if (!hasNetwork) flags |= CLONE_NEWNET;
  return must(syscall(SYS_clone, flags | SIGCHLD, nullptr, nullptr, nullptr, nullptr),
              "namespaces cannot be had");
}

class Signals {
 public:
  Signals() {
    sigset_t set;
    sigemptyset(&set);
    for (int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) sigaddset(&set, signal);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    fd_ = Fd(must(signalfd(-1, &set, SFD_CLOEXEC), "signals cannot be heard"));
  }
  int get() const { return fd_.get(); }
  int next() const {
    signalfd_siginfo info;
    return read(fd_.get(), &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
  }

 private:
  Fd fd_;
};

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

/**
 * Copies what the processes in the namespaces print, until the first of them has ended, and with it all
 * others. Kills it at a signal to end, and at the end of standard input.
 */
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

std::string readAll(const Fd& fd) {
  std::array<char, 4096> bytes;
  const ssize_t size = read(fd.get(), bytes.data(), bytes.size());
  return std::string(bytes.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
}

/** Adds a line to the status: `problem`, `code` or `emptied`, and a value. */
void tell(const std::string& file, const std::string& line) {
  std::ofstream stream(file, std::ios::app);
  stream << line << '\n' << std::flush;
  if (!stream) fail("the status cannot be written");
}

/** @returns the first process's report */
std::string runIn(const Description& description, const Root& root) {
  const Signals signals;
  Pipe output = makePipe(), report = makePipe(), alive = makePipe();
  const pid_t first = forkIntoNamespaces(description.network);
  if (first == 0) {
    keepOnly(output.writeEnd.get(), report.writeEnd.get(), alive.readEnd.get());
    beFirst(description, root.resolver());
  }
  output.writeEnd.close();
  report.writeEnd.close();
  watch(first, signals, output.readEnd);
  return readAll(report.readEnd);
}

int enter(const Description& description) {
  std::string said;
  bool emptied = false;
  {
    const Root root(description);
    said = runIn(description, root);
    emptied = root.isEmptied();
  }
  const std::string text = said.empty() ? "" : said.substr(1);
  if (said.starts_with(Report::failure)) throw Failure(text);
  if (said.starts_with(Report::problem)) throw Problem(text);
  if (emptied) tell(description.status, "emptied=1");
  // A first process that did not report was killed.
  const std::string code = said.empty() ? "137" : text;
  tell(description.status, "code=" + code);
  return code == "0" ? succeeded : commandFailed;
}

int run(const std::string& file) {
  const Description description = readDescription(file);
  try {
    return enter(description);
  } catch (const Problem& problem) {
    tell(description.status, std::string("problem=") + problem.what());
    return commandFailed;
  }
}

}  // namespace

int main(int count, char** arguments) {
  try {
    if (count != 2) throw Failure("it takes a file that describes what to enter");
    forgetEnvironment(arguments);
    // Descriptors that the caller left open.
    closeFrom(3);
    umask(0);
    return run(arguments[1]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "laminix-enter: %s\n", error.what());
    return systemFailed;
  }
}
