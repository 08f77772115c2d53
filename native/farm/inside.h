#pragma once

#include <signal.h>

#include <vector>

#include "farm/description.h"

namespace laminix::farm {

/** Signals that are heard on a container's behalf. All but SIGCHLD are passed on to its command. */
inline const std::vector<int> heard{SIGCHLD, SIGTERM, SIGINT,   SIGHUP,  SIGQUIT,
                                    SIGUSR1, SIGUSR2, SIGWINCH, SIGALRM, SIGCONT};

/** Is the first process of a container: enters its root, runs the command, and waits for its end. */
[[noreturn]] void beInside(const Description& description);

}  // namespace laminix::farm
