#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

#include "daemon/fd.h"
#include "daemon/transport.h"

namespace laminix::daemon {

namespace {

class Socket final : public Transport {
 public:
  Socket(Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  int readFd() const override { return fd_.get(); }
  int writeFd() const override { return fd_.get(); }
  std::string explainEnd() override { return "the daemon at " + path_ + " closed the connection"; }

 private:
  Fd fd_;
  std::string path_;
};

Fd makeSocket() {
#ifdef SOCK_CLOEXEC
  Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd.get() < 0) throw noDaemon("a socket could not be made", errno);
#else
  Fd fd(socket(AF_UNIX, SOCK_STREAM, 0));
  if (fd.get() < 0) throw noDaemon("a socket could not be made", errno);
  fcntl(fd.get(), F_SETFD, FD_CLOEXEC);
  fd.setNonBlocking();
#endif
  return fd;
}

}  // namespace

std::unique_ptr<Transport> openSocket(const SocketTarget& target, const Pause& pause) {
  std::string what = "no Nix daemon can be reached at " + target.path;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (target.path.size() >= sizeof address.sun_path) throw noDaemon(what, ENAMETOOLONG);
  std::memcpy(address.sun_path, target.path.data(), target.path.size());
  Fd fd = makeSocket();
  while (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    // A Unix socket whose queue of connections is full says EAGAIN; there is nothing to poll for.
    if (errno == EAGAIN) {
      pause();
    } else if (errno != EINTR) {
      throw noDaemon(what, errno);
    }
  }
  return std::make_unique<Socket>(std::move(fd), target.path);
}

}  // namespace laminix::daemon
