#include "daemon/store_path.h"

#include <array>
#include <cstddef>

namespace laminix::daemon {

namespace {

constexpr std::size_t hashPartLength = 32;
constexpr std::size_t maxNameLength = 211;

constexpr std::array<bool, 256> setOf(std::string_view characters) {
  std::array<bool, 256> set{};
  for (char c : characters) set[static_cast<unsigned char>(c)] = true;
  return set;
}

/** Nix's base 32: no e, o, t, u. */
constexpr auto hashCharacters = setOf("0123456789abcdfghijklmnpqrsvwxyz");
constexpr auto nameCharacters = setOf("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-._?=");

bool allIn(std::string_view text, const std::array<bool, 256>& set) {
  for (char c : text) {
    if (!set[static_cast<unsigned char>(c)]) return false;
  }
  return true;
}

}  // namespace

bool isBaseName(std::string_view text) {
  if (text.size() < hashPartLength + 2 || text.size() > hashPartLength + 1 + maxNameLength) return false;
  return text[hashPartLength] == '-' && allIn(text.substr(0, hashPartLength), hashCharacters) &&
         allIn(text.substr(hashPartLength + 1), nameCharacters);
}

std::string_view baseNameIn(std::string_view storeDir, std::string_view path) {
  if (path.size() <= storeDir.size() || !path.starts_with(storeDir) || path[storeDir.size()] != '/')
    return {};
  std::string_view name = path.substr(storeDir.size() + 1);
  return isBaseName(name) ? name : std::string_view{};
}

}  // namespace laminix::daemon
