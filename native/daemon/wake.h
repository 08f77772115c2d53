#pragma once

#include "daemon/fd.h"

namespace laminix::daemon {

/** Rouses a thread that waits in poll(2). */
class Wake {
 public:
  Wake() : pipe_(makePipe()) {
    pipe_.readEnd.setNonBlocking();
    pipe_.writeEnd.setNonBlocking();
  }

  /** From any thread. A full pipe is as good as one more byte in it. */
  void signal() {
    while (write(pipe_.writeEnd.get(), "", 1) < 0 && errno == EINTR) continue;
  }

  /** What the waiting thread polls for reading. */
  int fd() const { return pipe_.readEnd.get(); }
  void drain() {
    char bytes[64];
    while (read(fd(), bytes, sizeof bytes) > 0) continue;
  }

 private:
  Pipe pipe_;
};

}  // namespace laminix::daemon
