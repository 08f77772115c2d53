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

  /** `woken` is called whenever `wake` was signalled during a wait; it may add to `out`, or throw. */
  Channel(Transport& transport, Wake& wake, std::function<void()> woken)
      : transport_(transport), wake_(wake), woken_(std::move(woken)) {}

  Encoder out;
  /** When waiting becomes ERR_DAEMON_TIMEOUT. */
  Deadline deadline;

  std::size_t read(char* into, std::size_t capacity) override;
  /** Waits until woken. The daemon has nothing to say meanwhile: a ProtocolError if it does, EndOfStream if
   * it ends. */
  void idle();

 private:
  struct Ready {
    bool toRead = false;
    bool woken = false;
  };
  Ready wait();
  void flush();

  Transport& transport_;
  Wake& wake_;
  std::function<void()> woken_;
  /** The last read took all there was: another one without waiting would be for nothing. */
  bool drained_ = true;
  /** The daemon does not read any more; it may still have something to say. */
  bool deaf_ = false;
};

}  // namespace laminix::daemon
