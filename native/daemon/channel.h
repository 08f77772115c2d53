#pragma once

#include <chrono>
#include <functional>
#include <optional>

#include "daemon/transport.h"
#include "daemon/wake.h"
#include "daemon/wire.h"

namespace laminix::daemon {

/**
 * A transport's bytes, both ways. Waiting for bytes sends what is pending, and nothing else does: whatever
 * was asked between two waits goes out as one write, and a daemon that answers is always read from.
 */
class Channel final : public Source {
 public:
  using Deadline = std::optional<std::chrono::steady_clock::time_point>;

  struct Callbacks {
    /** `wake` was signalled during a wait. May add to `out`, or throw. */
    std::function<void()> woken;
    /** Some of `out` may have been sent. */
    std::function<void()> sent;
  };
  Channel(Transport& transport, Wake& wake, Callbacks callbacks)
      : transport_(transport), wake_(wake), callbacks_(std::move(callbacks)) {}

  Encoder out;
  /** When waiting becomes ERR_DAEMON_TIMEOUT. */
  Deadline deadline;

  std::size_t read(char* into, std::size_t capacity) override;
  /** Waits until woken. The daemon has nothing to say meanwhile: a ProtocolError if it does, EndOfStream if
   * it ends. */
  void idle();
  /** Waits until woken, whatever the daemon has to say: it is to wait, too. */
  void rest();

 private:
  struct Ready {
    bool toRead = false;
    bool woken = false;
  };
  Ready wait();
  void flush();

  Transport& transport_;
  Wake& wake_;
  const Callbacks callbacks_;
  /** The last read took all there was: another one without waiting would be for nothing. */
  bool drained_ = true;
  /** The daemon does not read any more; it may still have something to say. */
  bool deaf_ = false;
};

}  // namespace laminix::daemon
