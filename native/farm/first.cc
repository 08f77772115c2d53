#include "farm/first.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "farm/failure.h"
#include "farm/fence.h"
#include "farm/mounts.h"
#include "farm/namespaces.h"
#include "farm/start.h"

namespace laminix::farm {

namespace {

/** Waits for the command, and reaps orphans. */
int endOf(pid_t command) {
  for (;;) {
    int status = 0;
    const pid_t child = wait(&status);
    if (child < 0 && errno != EINTR) fail("the command has been lost");
    if (child == command) return statusOf(status);
  }
}

}  // namespace

void beFirst(const Description& description, const std::string& resolver) {
  // At its end the kernel kills what is left in the namespace.
  reporting([&] {
    beginSession(description.network);
    enterRoot(description, resolver);
    raiseFence(description.network);
    // After the change of user, which would undo it.
    dieWithParent();
    // The command can neither look into this process nor trace it. Its own process is dumpable again once it
    // is executed.
    must(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "the first process cannot be protected");
    const pid_t command = must(fork(), "no process can be created");
    if (command == 0) execute(description);
    send(Report::ended, std::to_string(endOf(command)));
  });
}

}  // namespace laminix::farm
