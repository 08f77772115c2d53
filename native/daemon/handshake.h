#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/wire.h"

namespace laminix::daemon {

/** What a daemon says of itself before the first question. */
struct Handshake {
  /** 38 for protocol 1.38: the lower of both sides' versions. */
  std::uint64_t minor = 0;
  /** From protocol 1.33 on. */
  std::optional<std::string> version;
  /** From protocol 1.35 on, where the daemon knows. */
  std::optional<bool> trusted;
  /** Those that both sides have. */
  std::vector<std::string> features;
};

/**
 * Greets the daemon and sets its options to quiet ones without overrides, so that its own configuration
 * holds. A ProtocolError where it is no daemon, or one older than protocol 1.32; ERR_DAEMON where it greets
 * with an error.
 */
Handshake shakeHands(Encoder& out, Decoder& in);

}  // namespace laminix::daemon
