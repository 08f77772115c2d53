#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "daemon/error.h"
#include "posix/fd.h"

namespace laminix::daemon {

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
