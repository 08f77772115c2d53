#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "daemon/wire.h"

namespace laminix::daemon {

using Sha256 = std::array<std::uint8_t, 32>;

/** A ProtocolError if these are not 64 digits of base 16. */
Sha256 parseNarHash(std::string_view base16);

/**
 * Reads what a store knows of a valid path without a copy: hands the fields to `sink` in the order in which
 * they come. The views are good during the call that gets them.
 */
template <class Sink>
void readPathInfo(Decoder& in, Sink& sink) {
  sink.deriver(in.string(maxShortLength, "a deriver"));
  sink.narHash(in.string(maxShortLength, "a NAR hash"));
  for (std::uint64_t n = in.count("the number of references"); n > 0; n--) {
    sink.reference(in.string(maxShortLength, "a reference"));
  }
  sink.registrationTime(in.number(maxSafeInteger, "a registration time"));
  sink.narSize(in.number(maxSafeInteger, "a NAR size"));
  sink.ultimate(in.boolean());
  for (std::uint64_t n = in.count("the number of signatures"); n > 0; n--) {
    sink.signature(in.string(maxShortLength, "a signature"));
  }
  sink.ca(in.string(maxShortLength, "a content address"));
}

}  // namespace laminix::daemon
