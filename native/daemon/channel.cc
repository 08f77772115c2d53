#include "daemon/channel.h"

#include <poll.h>

#include <cerrno>

#include "daemon/error.h"

namespace laminix::daemon {

namespace {

using Clock = std::chrono::steady_clock;

/** For poll(2): milliseconds, rounded up; -1 is for ever. */
int millisecondsUntil(const Channel::Deadline& deadline) {
  if (!deadline) return -1;
  auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - Clock::now()).count();
  if (left <= 0) throw CodedError(code::timeout, "the daemon did not greet in time");
  constexpr int hour = 3'600'000;
  return left > hour ? hour : static_cast<int>(left);
}

}  // namespace

std::size_t Channel::read(char* into, std::size_t capacity) {
  for (;;) {
    for (Ready ready; drained_ && !ready.toRead;) {
      ready = wait();
      if (ready.woken) callbacks_.woken();
    }
    ssize_t count = ::read(transport_.readFd(), into, capacity);
    if (count >= 0) {
      drained_ = static_cast<std::size_t>(count) < capacity;
      return static_cast<std::size_t>(count);
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      drained_ = true;
    } else if (errno != EINTR) {
      // ECONNRESET: the other side closed without having read all that was sent.
      return 0;
    }
  }
}

void Channel::idle() {
  Ready ready = wait();
  if (ready.toRead) {
    // Before woken(): what was said already is no answer to what would be asked now.
    char byte;
    ssize_t count = ::read(transport_.readFd(), &byte, 1);
    if (count > 0) throw ProtocolError("the daemon spoke without having been asked");
    if (count == 0 || (errno != EAGAIN && errno != EINTR)) throw EndOfStream();
  }
  if (ready.woken) callbacks_.woken();
}

void Channel::rest() {
  pollfd item{wake_.fd(), POLLIN, 0};
  if (poll(&item, 1, -1) <= 0) return;
  wake_.drain();
  callbacks_.woken();
}

Channel::Ready Channel::wait() {
  flush();
  callbacks_.sent();
  bool blocked = !deaf_ && !out.sendable(transport_.window()).empty();
  pollfd items[] = {
      {wake_.fd(), POLLIN, 0},
      {transport_.readFd(), POLLIN, 0},
      {blocked ? transport_.writeFd() : -1, POLLOUT, 0},
      {transport_.diagnosticFd(), POLLIN, 0},
  };
  if (poll(items, std::size(items), millisecondsUntil(deadline)) < 0) return {};
  if (items[3].revents != 0) transport_.readDiagnostics();
  if (items[0].revents != 0) wake_.drain();
  return {items[1].revents != 0, items[0].revents != 0};
}

void Channel::flush() {
  while (!deaf_ && !out.sendable(transport_.window()).empty()) {
    std::string_view bytes = out.sendable(transport_.window());
    // SIGPIPE is blocked in the connection's thread.
    ssize_t count = ::write(transport_.writeFd(), bytes.data(), bytes.size());
    if (count >= 0) {
      out.sent(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return;
    } else if (errno != EINTR) {
      deaf_ = true;
    }
  }
}

}  // namespace laminix::daemon
