#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <string>
#include <variant>

#include "daemon/closure.h"
#include "daemon/error.h"
#include "daemon/item.h"
#include "daemon/messages.h"
#include "daemon/shape.h"

namespace laminix::daemon {

/** What an operation answered, and how to read it. */
struct Answer {
  const Shape* shape;
  Item item;
};

/** What a call can result in; nothing (monostate) for those that are done for their effect. */
using Value = std::variant<std::monostate, Answer, Closure>;
using Outcome = std::variant<Value, CodedError>;

/** A piece of what a call streams. */
struct Chunk {
  std::string bytes;
};
/** What happens while a call is answered. */
using Event = std::variant<Message, Chunk>;

/** A call's way to its connection while it has the turn. All of it is for the connection's thread. */
struct Turn {
  Decoder& in;
  Encoder& out;
  /** Protocol 1.minor. */
  std::uint64_t minor;
  /** Waits until somebody has called Session::wake(); throws where the connection is to end. */
  const std::function<void()>& rest;
  /** Tells the caller. */
  const std::function<void(Event)>& tell;
};

/**
 * One question of the caller, which may be many questions to the daemon. All but cancel() is for the
 * connection's thread.
 */
class Call {
 public:
  virtual ~Call() = default;

  /** Writes the first questions; says how many answers there will be. ERR_UNSUPPORTED if the daemon lacks it.
   */
  virtual std::size_t ask(Encoder& out, std::uint64_t minor) = 0;
  /**
   * Reads one answer, may ask more, and says how many more answers there will be. An error other than a
   * FatalError means that the answer was read all the same.
   */
  virtual std::size_t take(Turn& turn) = 0;
  /** When all answers were taken. */
  virtual Value result() = 0;
  /** Whether anybody wants to hear the daemon's messages. */
  virtual bool hears() const { return false; }
  /** Settled only when what it wrote has been sent: it is a part of something large. */
  virtual bool waitsForRoom() const { return false; }

  /** From any thread: nobody wants the result any more. */
  void cancel() { cancelled_ = true; }
  bool cancelled() const { return cancelled_; }

 private:
  friend class Session;
  std::atomic<bool> cancelled_ = false;
  std::size_t unanswered_ = 0;
  /** The outcome was told. */
  bool settled_ = false;
};

}  // namespace laminix::daemon
