#include "daemon/path_info.h"

#include "daemon/error.h"

namespace laminix::daemon {

namespace {

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

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
