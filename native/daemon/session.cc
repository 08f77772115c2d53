#include "daemon/session.h"

#include <poll.h>
#include <signal.h>

#include "daemon/channel.h"
#include "daemon/error.h"
#include "daemon/wire.h"

namespace laminix::daemon {

namespace {

using Clock = std::chrono::steady_clock;

/** Bytes that may wait to be sent while the caller is told that there is room for more. */
constexpr std::size_t roomToSend = 512 << 10;

/** close() was called. */
struct Closed {};

CodedError disconnected(const std::string& message) { return CodedError(code::disconnected, message); }

CodedError closedError() { return disconnected("the connection was closed"); }

/** The process's signals are for its own threads; and writing to a daemon that is gone must not raise
 * SIGPIPE. */
void blockSignals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

Session::Session(Target target, std::optional<std::chrono::milliseconds> patience, Listener& listener)
    : target_(std::move(target)), patience_(patience), listener_(listener), thread_([this] { run(); }) {}

Session::~Session() {
  close();
  join();
}

std::optional<CodedError> Session::submit(std::shared_ptr<Call> call) {
  {
    std::lock_guard lock(mutex_);
    if (refusal_) return refusal_;
    submitted_.push_back(std::move(call));
  }
  wake_.signal();
  return std::nullopt;
}

void Session::wake() { wake_.signal(); }

void Session::close() {
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
    if (!refusal_) refusal_ = closedError();
  }
  wake_.signal();
}

void Session::join() {
  if (thread_.joinable()) thread_.join();
}

void Session::run() {
  blockSignals();
  try {
    converse();
  } catch (const Closed&) {
    CodedError reason = closedError();
    end(reason, reason);
  } catch (const FatalError& error) {
    // The call whose answer it was fails for good; those behind it never had a chance.
    CodedError lost = error;
    if (greeted_) lost = disconnected(std::string("the connection ended: ") + error.what());
    end(error, lost);
  } catch (const CodedError& error) {
    end(error, error);
  } catch (const std::exception& error) {
    CodedError reason = disconnected(std::string("the connection ended: ") + error.what());
    end(reason, reason);
  }
}

void Session::converse() {
  if (patience_) deadline_ = Clock::now() + *patience_;
  transport_ = open();
  Channel channel(*transport_, wake_, {[this] { woken(); }, [this] { sent(); }});
  channel_ = &channel;
  Decoder in(channel);
  try {
    channel.deadline = deadline_;
    Handshake handshake = shakeHands(channel.out, in);
    channel.deadline.reset();
    greeted_ = true;
    minor_ = handshake.minor;
    listener_.greeted(std::move(handshake));
    askSubmitted();
    for (;;) {
      if (!expected_.empty()) {
        takeAnswer(in);
      } else if (in.hasBuffered()) {
        throw ProtocolError("the daemon spoke without having been asked");
      } else {
        channel.idle();
      }
    }
  } catch (const EndOfStream&) {
    throw explainEnd(in, greeted_);
  }
}

std::unique_ptr<Transport> Session::open() {
  if (auto* socket = std::get_if<SocketTarget>(&target_)) return openSocket(*socket, [this] { pause(); });
  return openProgram(std::get<ProgramTarget>(target_));
}

void Session::pause() {
  throwIfClosing();
  if (deadline_ && Clock::now() >= *deadline_) {
    throw CodedError(code::timeout, "the daemon did not accept the connection in time");
  }
  pollfd item{wake_.fd(), POLLIN, 0};
  constexpr int milliseconds = 10;
  if (poll(&item, 1, milliseconds) > 0) wake_.drain();
}

void Session::woken() {
  throwIfClosing();
  if (greeted_) askSubmitted();
}

void Session::sent() {
  if (waiting_.empty() || channel_->out.pending().size() > roomToSend) return;
  for (const auto& call : std::exchange(waiting_, {})) settleIfAnswered(call);
}

void Session::throwIfClosing() {
  std::lock_guard lock(mutex_);
  if (closing_) throw Closed();
}

void Session::askSubmitted() {
  std::deque<std::shared_ptr<Call>> calls;
  {
    std::lock_guard lock(mutex_);
    calls.swap(submitted_);
  }
  for (const auto& call : calls) {
    if (call->cancelled()) {
      settle(call, CodedError(code::cancelled, "the call was cancelled"));
      continue;
    }
    try {
      expect(call, call->ask(channel_->out, minor_));
      if (call->waitsForRoom()) {
        waiting_.push_back(call);
      } else {
        settleIfAnswered(call);
      }
    } catch (const CodedError& error) {
      settle(call, error);
    }
  }
}

void Session::takeAnswer(Decoder& in) {
  // Stays first in line until it is read, so that end() knows whose answer failed.
  std::shared_ptr<Call> call = expected_.front();
  auto tell = [&](Event event) { listener_.told(call, std::move(event)); };
  Hear hear;
  if (call->hears()) hear = tell;
  if (auto error = readMessages(in, hear)) {
    // A daemon that fails to understand a request writes its error twice and ends. The copy must not become
    // the answer to the next request.
    if (lastError_ == error) {
      throw disconnected("the daemon ended the connection after an error: " +
                         std::string(error->coded().what()));
    }
    channel_->out.answered();
    expected_.pop_front();
    call->unanswered_--;
    settle(call, error->coded());
    lastError_ = std::move(error);
    return;
  }
  lastError_.reset();
  std::size_t more = 0;
  try {
    const std::function<void()> rest = [this] { channel_->rest(); };
    const std::function<void(Event)> teller = tell;
    Turn turn{in, channel_->out, minor_, rest, teller};
    more = call->take(turn);
  } catch (const FatalError&) {
    throw;
  } catch (const CodedError& error) {
    settle(call, error);
  }
  channel_->out.answered();
  expected_.pop_front();
  call->unanswered_--;
  expect(call, more);
  settleIfAnswered(call);
}

void Session::expect(const std::shared_ptr<Call>& call, std::size_t answers) {
  call->unanswered_ += answers;
  for (; answers > 0; answers--) expected_.push_back(call);
}

void Session::settleIfAnswered(const std::shared_ptr<Call>& call) {
  if (call->unanswered_ > 0 || call->settled_) return;
  try {
    settle(call, call->result());
  } catch (const CodedError& error) {
    settle(call, error);
  }
}

void Session::settle(const std::shared_ptr<Call>& call, Outcome outcome) {
  if (std::exchange(call->settled_, true)) return;
  // Answers that are still to come are of no use.
  call->cancel();
  listener_.settled(call, std::move(outcome));
}

CodedError Session::explainEnd(const Decoder& in, bool greeted) {
  std::string why = transport_->explainEnd();
  if (!greeted && !in.hasReceived() && std::holds_alternative<SocketTarget>(target_)) {
    why += " without a word: it refuses this user (see allowed-users in its nix.conf)";
  }
  return disconnected(why);
}

void Session::end(const CodedError& reason, const CodedError& forTheRest) {
  std::deque<std::shared_ptr<Call>> calls;
  {
    std::lock_guard lock(mutex_);
    if (!refusal_) refusal_ = forTheRest;
    calls.swap(submitted_);
  }
  if (!expected_.empty()) settle(expected_.front(), reason);
  for (const auto& call : expected_) settle(call, forTheRest);
  for (const auto& call : std::exchange(waiting_, {})) settle(call, forTheRest);
  for (const auto& call : calls) settle(call, forTheRest);
  expected_.clear();
  transport_.reset();
  listener_.ended(reason);
}

}  // namespace laminix::daemon
