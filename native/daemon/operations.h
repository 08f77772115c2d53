#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/string_column.h"
#include "daemon/wire.h"

namespace laminix::daemon {

// Questions. Each writes a whole request; its answer comes after readMessages().

void askSetOptions(Encoder& out);
void askIsValidPath(Encoder& out, std::string_view path);
void askAllValidPaths(Encoder& out);
void askPathInfo(Encoder& out, std::string_view path);
void askPathFromHashPart(Encoder& out, std::string_view hashPart);
void askAddTempRoot(Encoder& out, std::string_view path);

/** What a store knows of a valid path. */
struct PathInfo {
  /** Empty where there is none. */
  std::string deriver;
  /** Base 16, of SHA-256. */
  std::string narHash;
  StringColumn references;
  /** Seconds since 1970. */
  std::uint64_t registrationTime = 0;
  std::uint64_t narSize = 0;
  bool ultimate = false;
  StringColumn signatures;
  /** Empty where there is none. */
  std::string ca;
};

// Answers.

bool readIsValidPath(Decoder& in);
StringColumn readAllValidPaths(Decoder& in);
std::optional<PathInfo> readPathInfo(Decoder& in);
/** Nothing where no valid path has this hash part. */
std::optional<std::string> readPathFromHashPart(Decoder& in);
void readAddTempRoot(Decoder& in);

using Sha256 = std::array<std::uint8_t, 32>;

/** A ProtocolError if these are not 64 digits of base 16. */
Sha256 parseNarHash(std::string_view base16);

/**
 * The same as readPathInfo without a copy: hands the fields to `sink` in the order in which they come. False,
 * and nothing handed over, if the path is not valid. The views are good during the call that gets them.
 */
template <class Sink>
bool readPathInfoInto(Decoder& in, Sink& sink) {
  if (!in.boolean()) return false;
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
  return true;
}

}  // namespace laminix::daemon
