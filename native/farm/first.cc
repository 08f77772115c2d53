#include "farm/first.h"

#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cstdio>

#include "farm/failure.h"
#include "farm/fence.h"
#include "farm/mounts.h"
#include "posix/fd.h"

namespace laminix::farm {

namespace {

void send(Report::Kind kind, const std::string& text) {
  const std::string message = std::string(1, kind) + text;
  // Small enough for a pipe to take at once.
  [[maybe_unused]] const ssize_t size = write(reportFd, message.data(), message.size());
}

void nameHost() { must(sethostname("localhost", 9), "the host's name cannot be set"); }

void startLoopback() {
  const Fd socket(must(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "localhost"));
  ifreq request{};
  std::snprintf(request.ifr_name, sizeof request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  must(ioctl(socket.get(), SIOCSIFFLAGS, &request), "localhost");
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (const std::string& string : strings) result.push_back(const_cast<char*>(string.c_str()));
  result.push_back(nullptr);
  return result;
}

/** The parent may have ended already. */
void dieWithParent() {
  must(prctl(PR_SET_PDEATHSIG, SIGKILL), "its end cannot be tied to its parent's");
  pollfd parent{aliveFd, 0, 0};
  if (poll(&parent, 1, 0) != 0) _exit(0);
}

[[noreturn]] void become(const Description& description) {
  const std::vector<char*> command = pointers(description.command);
  std::vector<char*> environment = pointers(description.environment);
  environ = environment.data();
  // Becomes descriptor 0, the lowest that is free.
  open("/dev/null", O_RDWR);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execvp(command[0], command.data());
  const int error = errno;
  std::fprintf(stderr, "%s cannot be run: %s\n", command[0], std::strerror(error));
  _exit(error == ENOENT ? 127 : 126);
}

/** Waits for the command, and reaps orphans. @returns an exit status as a shell reports it */
int endOf(pid_t command) {
  for (;;) {
    int status = 0;
    const pid_t child = wait(&status);
    if (child < 0 && errno != EINTR) fail("the command has been lost");
    if (child == command) return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
}

}  // namespace

void beFirst(const Description& description, const std::string& resolver) {
  try {
    must(setsid(), "a session cannot be had");
    umask(022);
    nameHost();
    if (!description.network) startLoopback();
    enterRoot(description, resolver);
    raiseFence(description.network);
    // After the change of user, which would undo it.
    dieWithParent();
    // The command can neither look into this process nor trace it. Its own process is dumpable again once it
    // is executed.
    must(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "the first process cannot be protected");
    const pid_t command = must(fork(), "no process can be created");
    if (command == 0) become(description);
    send(Report::ended, std::to_string(endOf(command)));
  } catch (const Problem& problem) {
    send(Report::problem, problem.what());
  } catch (const std::exception& failure) {
    send(Report::failure, failure.what());
  }
  // The kernel kills what is left in the namespace.
  _exit(0);
}

}  // namespace laminix::farm
