#include "farm/container.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "farm/failure.h"
#include "farm/inside.h"
#include "farm/namespaces.h"
#include "farm/terminal.h"

namespace laminix::farm {

namespace {

void watch(pid_t first, const Signals& signals) {
  std::array items{pollfd{keeperFd, 0, 0}, pollfd{signals.get(), POLLIN, 0}};
  auto& [keeper, signal] = items;
  while (waitpid(first, nullptr, WNOHANG) != first) {
    if (poll(items.data(), items.size(), -1) < 0 && errno != EINTR) fail("poll");
    if (keeper.revents != 0) {
      kill(first, SIGKILL);
      keeper.fd = -1;
    }
    for (int number = signals.next(); number != 0; number = signals.next())
      if (number != SIGCHLD) kill(first, number);
  }
}

}  // namespace

std::string runContainer(const Description& description) {
  const Signals signals(heard);
  Pipe report = makePipe(), alive = makePipe();
  const RawTerminal terminal(description.container->hasTerminal);
  const pid_t first = forkIntoNamespaces(description.network);
  if (first == 0) {
    keepOnly(report.writeEnd.get(), alive.readEnd.get());
    beInside(description);
  }
  report.writeEnd.close();
  watch(first, signals);
  return receive(report.readEnd);
}

}  // namespace laminix::farm
