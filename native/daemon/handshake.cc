#include "daemon/handshake.h"

#include <algorithm>
#include <array>

#include "daemon/error.h"
#include "daemon/messages.h"
#include "daemon/operations.h"

namespace laminix::daemon {

namespace {

constexpr std::uint64_t clientMagic = 0x6e697863;
constexpr std::uint64_t daemonMagic = 0x6478696f;
constexpr std::uint64_t major = 1;
/** The last version: since then, features say what is new. */
constexpr std::uint64_t newestMinor = 38;
/** Nix 2.4's. */
constexpr std::uint64_t oldestMinor = 32;
constexpr std::uint64_t maxFeatures = 10'000;

constexpr std::string_view disableSetOptions = "disable-set-options";
constexpr std::array offered = {disableSetOptions, queryPathInfosFeature};

/** Quiet, and without a say in what the daemon's own configuration decides. */
void askSetOptions(Encoder& out, std::uint64_t minor) {
  constexpr std::uint64_t errorsOnly = 0, maxBuildJobs = 1, maxSilentTime = 0, buildCores = 0;
  // The level of build logs comes as the level from which on they are shown: 7 is quiet.
  constexpr std::uint64_t vomit = 7;
  const Operation& operation = *findOperation("setOptions");
  Item::Parts options{{false},         {false}, {false},      {errorsOnly}, {maxBuildJobs},
                      {maxSilentTime}, {vomit}, {buildCores}, {true},       {Item::Parts{}}};
  out.number(operation.number);
  encode(out, operation.request, {std::move(options)}, minor);
  out.endRequest();
}

std::uint64_t readMinor(Decoder& in) {
  if (in.number() != daemonMagic) {
    throw ProtocolError("what answered is not a Nix daemon: its first bytes are not a daemon's");
  }
  std::uint64_t version = in.number(0xffff, "its protocol version");
  std::uint64_t minor = version & 0xff;
  if (version >> 8 != major || minor < oldestMinor) {
    throw ProtocolError("the daemon speaks protocol " + std::to_string(version >> 8) + "." +
                        std::to_string(minor) + "; 1.32 (Nix 2.4) or a later 1.x is needed");
  }
  return std::min(minor, newestMinor);
}

std::vector<std::string> exchangeFeatures(Encoder& out, Decoder& in) {
  out.number(offered.size());
  for (std::string_view feature : offered) out.string(feature);
  std::vector<std::string> common;
  std::uint64_t count = in.number(maxFeatures, "the number of its features");
  for (std::uint64_t i = 0; i < count; i++) {
    std::string_view feature = in.string(maxShortLength, "a feature");
    bool known = std::find(offered.begin(), offered.end(), feature) != offered.end();
    if (known && std::find(common.begin(), common.end(), feature) == common.end())
      common.emplace_back(feature);
  }
  return common;
}

void expectNoError(Decoder& in) {
  if (auto error = readMessages(in)) throw error->coded();
}

}  // namespace

Handshake shakeHands(Encoder& out, Decoder& in) {
  Handshake result;
  out.number(clientMagic).number(major << 8 | newestMinor);
  result.minor = readMinor(in);
  if (result.minor >= 38) result.features = exchangeFeatures(out, in);

  // CPU affinity and reserved space: obsolete, but still read by every daemon.
  out.number(0).number(0);
  bool setOptions =
      std::find(result.features.begin(), result.features.end(), disableSetOptions) == result.features.end();
  if (setOptions) askSetOptions(out, result.minor);

  if (result.minor >= 33) result.version = in.string(maxShortLength, "its version");
  if (result.minor >= 35) {
    std::uint64_t trust = in.number(2, "whether it trusts this client");
    if (trust != 0) result.trusted = trust == 1;
  }
  expectNoError(in);
  if (setOptions) {
    expectNoError(in);
    out.answered();
  }
  return result;
}

}  // namespace laminix::daemon
