#include "farm/start.h"

#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "farm/failure.h"
#include "farm/namespaces.h"
#include "posix/fd.h"

namespace laminix::farm {

namespace {

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

}  // namespace

void beginSession(bool hasNetwork) {
  must(setsid(), "a session cannot be had");
  umask(022);
  must(sethostname("localhost", 9), "the host's name cannot be set");
  if (!hasNetwork) startLoopback();
}

void dieWithParent() {
  must(prctl(PR_SET_PDEATHSIG, SIGKILL), "its end cannot be tied to its parent's");
  pollfd parent{aliveFd, 0, 0};
  if (poll(&parent, 1, 0) != 0) _exit(0);
}

void execute(const Description& description) {
  const std::vector<char*> command = pointers(description.command);
  std::vector<char*> environment = pointers(description.environment);
  environ = environment.data();
  // Becomes descriptor 0 if that is free.
  if (fcntl(STDIN_FILENO, F_GETFD) < 0) open("/dev/null", O_RDWR);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execvp(command[0], command.data());
  const int error = errno;
  std::fprintf(stderr, "%s cannot be run: %s\n", command[0], std::strerror(error));
  _exit(error == ENOENT ? 127 : 126);
}

int statusOf(int waited) { return WIFSIGNALED(waited) ? 128 + WTERMSIG(waited) : WEXITSTATUS(waited); }

}  // namespace laminix::farm
