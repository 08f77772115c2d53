#include "farm/inside.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>

#include "farm/failure.h"
#include "farm/fence.h"
#include "farm/mounts.h"
#include "farm/namespaces.h"
#include "farm/start.h"
#include "farm/terminal.h"
#include "farm/user.h"

namespace laminix::farm {

namespace {

/** The environment, with a home unless it has one. */
void addHome(std::vector<std::string>& environment, const User& user) {
  const auto isHome = [](const std::string& variable) { return variable.starts_with("HOME="); };
  if (std::none_of(environment.begin(), environment.end(), isHome))
    environment.push_back("HOME=" + (user.home.empty() ? "/" : user.home));
}

/** @param ready ends when this process's parent is protected from it */
[[noreturn]] void beCommand(const Description& description, const User& user,
                            const std::optional<Terminal>& terminal, const Fd& ready) {
  reporting([&] {
    char none;
    [[maybe_unused]] const ssize_t size = read(ready.get(), &none, 1);
    if (terminal) terminal->control();
    if (description.container->isAlone && (user.id != 0 || user.group != 0)) renameRoot(user);
    raiseFence(description.network, user);
    execute(description);
  });
}

/** Reaps all that has ended. @returns the command's status once it is among them */
std::optional<int> reap(pid_t command) {
  std::optional<int> end;
  for (;;) {
    int status = 0;
    const pid_t child = waitpid(-1, &status, WNOHANG);
    if (child <= 0) return end;
    if (child == command) end = statusOf(status);
  }
}

/** Passes signals on, and keys, until the command has ended. */
int endOf(pid_t command, const Signals& signals, std::optional<Terminal>& terminal) {
  std::array items{pollfd{signals.get(), POLLIN, 0}, pollfd{terminal ? STDIN_FILENO : -1, POLLIN, 0},
                   pollfd{terminal ? terminal->get() : -1, POLLIN, 0}};
  auto& [signal, typed, shown] = items;
  for (;;) {
    if (poll(items.data(), items.size(), -1) < 0 && errno != EINTR) fail("poll");
    if (typed.revents != 0 && !terminal->type()) typed.fd = -1;
    if (shown.revents != 0 && !terminal->show()) shown.fd = -1;
    for (int number = signals.next(); number != 0; number = signals.next()) {
      if (number == SIGWINCH && terminal)
        terminal->resize();
      else if (number != SIGCHLD)
        kill(command, number);
    }
    if (const std::optional<int> end = reap(command)) {
      if (terminal) terminal->drain();
      return *end;
    }
  }
}

}  // namespace

void beInside(const Description& given) {
  // At its end the kernel kills what is left in the namespace.
  reporting([&] {
    Description description = given;
    beginSession(description.network);
    const Signals signals(heard);
    enterContainer(description);
    const User user = findUser(description.container->user);
    addHome(description.environment, user);
    std::optional<Terminal> terminal;
    if (description.container->hasTerminal) terminal.emplace(user);
    // The command can neither look into this process nor trace it. Its own process is dumpable again once it
    // is executed.
    must(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "the first process cannot be protected");
    Pipe ready = makePipe();
    const pid_t command = must(fork(), "no process can be created");
    if (command == 0) {
      ready.writeEnd.close();
      beCommand(description, user, terminal, ready.readEnd);
    }
    raiseFence(description.network);
    // After the change of user, which would undo it.
    dieWithParent();
    must(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "the first process cannot be protected");
    ready.writeEnd.close();
    send(Report::ended, std::to_string(endOf(command, signals, terminal)));
  });
}

}  // namespace laminix::farm
