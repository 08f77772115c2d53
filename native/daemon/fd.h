#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "daemon/error.h"

namespace laminix::daemon {

/** Owns a file descriptor. */
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~Fd() { close(); }

  /** -1 if it owns none. */
  int get() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  void setNonBlocking() const { fcntl(fd_, F_SETFL, fcntl(fd_, F_GETFL) | O_NONBLOCK); }

 private:
  int fd_ = -1;
};

struct Pipe {
  Fd readEnd;
  Fd writeEnd;
};

/** Both ends are closed in programs started from here. ERR_NO_DAEMON where the process has no descriptor
 * left. */
inline Pipe makePipe() {
  int ends[2];
#ifdef __linux__
  if (pipe2(ends, O_CLOEXEC) != 0) throw noDaemon("a pipe could not be made", errno);
#else
  if (pipe(ends) != 0) throw noDaemon("a pipe could not be made", errno);
  for (int end : ends) fcntl(end, F_SETFD, FD_CLOEXEC);
#endif
  return {Fd(ends[0]), Fd(ends[1])};
}

}  // namespace laminix::daemon
