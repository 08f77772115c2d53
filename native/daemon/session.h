#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "daemon/call.h"
#include "daemon/handshake.h"
#include "daemon/messages.h"
#include "daemon/transport.h"
#include "daemon/wake.h"

namespace laminix::daemon {

class Channel;

/** Told what happens on a connection, on the connection's thread. */
class Listener {
 public:
  virtual ~Listener() = default;
  /** At most once, before any call is settled with a value. */
  virtual void greeted(Handshake handshake) = 0;
  /** Any number of times before the call is settled. */
  virtual void told(const std::shared_ptr<Call>& call, Event event) = 0;
  /** Once for every submitted call, cancelled ones too. */
  virtual void settled(const std::shared_ptr<Call>& call, Outcome outcome) = 0;
  /** Once, after everything else: the last thing the thread does. */
  virtual void ended(CodedError reason) = 0;
};

/**
 * A connection to a daemon and the thread that owns it. Submitted calls are asked at once, one behind the
 * other, also while answers to earlier ones are awaited; answers come in the order of questions.
 */
class Session {
 public:
  /** No `patience`: the handshake may take for ever. The listener must outlive the session. */
  Session(Target target, std::optional<std::chrono::milliseconds> patience, Listener& listener);
  /** Ends the connection and waits for the thread. */
  ~Session();

  /** The reason if the connection has ended, or was told to: the call will not be settled. From any thread.
   */
  std::optional<CodedError> submit(std::shared_ptr<Call> call);
  /** The call that has the turn may be waiting for what the caller has just done. From any thread. */
  void wake();
  /** Tells the thread to end the connection. From any thread, any number of times. */
  void close();
  /** Waits for the thread to end, which it does soon after close() or ended(). */
  void join();

 private:
  void run();
  void converse();
  std::unique_ptr<Transport> open();
  void pause();
  void woken();
  void throwIfClosing();
  void sent();
  void askSubmitted();
  void takeAnswer(Decoder& in);
  void expect(const std::shared_ptr<Call>& call, std::size_t answers);
  void settle(const std::shared_ptr<Call>& call, Outcome outcome);
  void settleIfAnswered(const std::shared_ptr<Call>& call);
  CodedError explainEnd(const Decoder& in, bool greeted);
  void end(const CodedError& reason, const CodedError& forTheRest);

  const Target target_;
  const std::optional<std::chrono::milliseconds> patience_;
  Listener& listener_;
  Wake wake_;

  std::mutex mutex_;
  std::deque<std::shared_ptr<Call>> submitted_;
  bool closing_ = false;
  /** Why there are no more calls. */
  std::optional<CodedError> refusal_;

  // Of the thread alone.
  std::unique_ptr<Transport> transport_;
  std::optional<std::chrono::steady_clock::time_point> deadline_;
  Channel* channel_ = nullptr;
  bool greeted_ = false;
  std::uint64_t minor_ = 0;
  /** Calls whose bytes wait to be sent. */
  std::deque<std::shared_ptr<Call>> waiting_;
  /** One entry for every answer that is still to come. */
  std::deque<std::shared_ptr<Call>> expected_;
  /** What came in place of the previous answer. */
  std::optional<DaemonError> lastError_;

  /** Last: it starts when all else is there. */
  std::thread thread_;
};

}  // namespace laminix::daemon
