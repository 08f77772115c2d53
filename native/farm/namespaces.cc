#include "farm/namespaces.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>

#include "farm/failure.h"
#include "farm/system_calls.h"

namespace laminix::farm {

Pipe makePipe() {
  int ends[2];
  must(pipe2(ends, O_CLOEXEC), "no pipe can be had");
  return {Fd(ends[0]), Fd(ends[1])};
}

Signals::Signals(const std::vector<int>& signals) {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : signals) sigaddset(&set, signal);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  fd_ = Fd(must(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), "signals cannot be heard"));
}

int Signals::next() const {
  signalfd_siginfo info;
  return read(fd_.get(), &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
}

pid_t forkIntoNamespaces(bool hasNetwork) {
  unsigned long flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
  if (!hasNetwork) flags |= CLONE_NEWNET;
  return must(syscall(SYS_clone, flags | SIGCHLD, nullptr, nullptr, nullptr, nullptr),
              "namespaces cannot be had");
}

void closeFrom(int least) {
  // Since Linux 5.9.
  if (syscall(SYS_close_range, least, ~0U, 0) == 0) return;
  const long most = sysconf(_SC_OPEN_MAX);
  for (int fd = least; fd < most; ++fd) close(fd);
}

void keepOnly(int report, int alive) noexcept {
  // First to higher numbers, so that none overwrites another.
  for (int* fd : {&report, &alive}) *fd = fcntl(*fd, F_DUPFD, 10);
  dup3(report, reportFd, O_CLOEXEC);
  dup3(alive, aliveFd, O_CLOEXEC);
  closeFrom(aliveFd + 1);
}

void send(Report::Kind kind, const std::string& text) {
  const std::string message = std::string(1, kind) + text + '\0';
  // Small enough for a pipe to take at once.
  [[maybe_unused]] const ssize_t size = write(reportFd, message.data(), message.size());
}

std::string receive(const Fd& reports) {
  std::array<char, 4096> bytes;
  const ssize_t size = read(reports.get(), bytes.data(), bytes.size());
  const std::string all(bytes.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  const std::string report = all.substr(0, all.find('\0'));
  if (report.empty()) return "137";
  const std::string text = report.substr(1);
  if (report.front() == Report::failure) throw Failure(text);
  if (report.front() == Report::problem) throw Problem(text);
  return text;
}

}  // namespace laminix::farm
