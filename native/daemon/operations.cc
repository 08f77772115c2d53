#include "daemon/operations.h"

#include "daemon/error.h"

namespace laminix::daemon {

namespace {

enum class Operation : std::uint64_t {
  isValidPath = 1,
  addTempRoot = 11,
  setOptions = 19,
  queryAllValidPaths = 23,
  queryPathInfo = 26,
  queryPathFromHashPart = 29,
};

Encoder& begin(Encoder& out, Operation operation) {
  return out.number(static_cast<std::uint64_t>(operation));
}

struct PathInfoSink {
  PathInfo& info;
  void deriver(std::string_view value) { info.deriver = value; }
  void narHash(std::string_view value) {
    parseNarHash(value);
    info.narHash = value;
  }
  void reference(std::string_view value) { info.references.push(value); }
  void registrationTime(std::uint64_t value) { info.registrationTime = value; }
  void narSize(std::uint64_t value) { info.narSize = value; }
  void ultimate(bool value) { info.ultimate = value; }
  void signature(std::string_view value) { info.signatures.push(value); }
  void ca(std::string_view value) { info.ca = value; }
};

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

void askSetOptions(Encoder& out) {
  constexpr std::uint64_t keepFailed = 0, keepGoing = 0, tryFallback = 0;
  constexpr std::uint64_t errorsOnly = 0, vomit = 7;
  constexpr std::uint64_t maxBuildJobs = 1, maxSilentTime = 0, useBuildHook = 1;
  constexpr std::uint64_t logType = 0, printBuildTrace = 0, buildCores = 0, useSubstitutes = 1, overrides = 0;
  begin(out, Operation::setOptions).number(keepFailed).number(keepGoing).number(tryFallback);
  // The level of build logs comes as the level from which on they are shown: 7 is quiet.
  out.number(errorsOnly).number(maxBuildJobs).number(maxSilentTime).number(useBuildHook).number(vomit);
  out.number(logType)
      .number(printBuildTrace)
      .number(buildCores)
      .number(useSubstitutes)
      .number(overrides)
      .endRequest();
}

void askIsValidPath(Encoder& out, std::string_view path) {
  begin(out, Operation::isValidPath).string(path).endRequest();
}

void askAllValidPaths(Encoder& out) { begin(out, Operation::queryAllValidPaths).endRequest(); }

void askPathInfo(Encoder& out, std::string_view path) {
  begin(out, Operation::queryPathInfo).string(path).endRequest();
}

void askPathFromHashPart(Encoder& out, std::string_view hashPart) {
  begin(out, Operation::queryPathFromHashPart).string(hashPart).endRequest();
}

void askAddTempRoot(Encoder& out, std::string_view path) {
  begin(out, Operation::addTempRoot).string(path).endRequest();
}

bool readIsValidPath(Decoder& in) { return in.boolean(); }

StringColumn readAllValidPaths(Decoder& in) {
  StringColumn paths;
  for (std::uint64_t n = in.count("the number of valid paths"); n > 0; n--) {
    paths.push(in.string(maxShortLength, "a store path"));
  }
  return paths;
}

std::optional<PathInfo> readPathInfo(Decoder& in) {
  PathInfo info;
  PathInfoSink sink{info};
  if (!readPathInfoInto(in, sink)) return std::nullopt;
  return info;
}

std::optional<std::string> readPathFromHashPart(Decoder& in) {
  std::string_view path = in.string(maxShortLength, "a store path");
  if (path.empty()) return std::nullopt;
  return std::string(path);
}

void readAddTempRoot(Decoder& in) {
  // Every operation without a result ends with a 1 that says nothing.
  if (in.number() != 1) throw ProtocolError("the daemon answered AddTempRoot with something else than 1");
}

Sha256 parseNarHash(std::string_view base16) {
  Sha256 hash;
  if (base16.size() != 2 * hash.size())
    throw ProtocolError("the daemon sent a NAR hash that is not SHA-256 in base 16");
  for (std::size_t i = 0; i < hash.size(); i++) {
    int high = digit(base16[2 * i]), low = digit(base16[2 * i + 1]);
    if (high < 0 || low < 0) throw ProtocolError("the daemon sent a NAR hash that is not SHA-256 in base 16");
    hash[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return hash;
}

}  // namespace laminix::daemon
