#include "daemon/base_names.h"

#include <functional>

namespace laminix::daemon {

namespace {

constexpr std::size_t firstSlots = 1024;

std::size_t hashOf(std::string_view name) { return std::hash<std::string_view>()(name); }

}  // namespace

BaseNames::Id BaseNames::find(std::string_view name) const {
  if (slots_.empty()) return none;
  std::size_t mask = slots_.size() - 1;
  for (std::size_t slot = hashOf(name) & mask; slots_[slot] != none; slot = (slot + 1) & mask) {
    if (names_[slots_[slot]] == name) return slots_[slot];
  }
  return none;
}

BaseNames::Id BaseNames::add(std::string_view name) {
  if (2 * (size() + 1) > slots_.size()) grow();
  Id id = static_cast<Id>(size());
  names_.push(name);
  std::size_t mask = slots_.size() - 1;
  std::size_t slot = hashOf(name) & mask;
  while (slots_[slot] != none) slot = (slot + 1) & mask;
  slots_[slot] = id;
  return id;
}

void BaseNames::grow() {
  slots_.assign(slots_.empty() ? firstSlots : 2 * slots_.size(), none);
  std::size_t mask = slots_.size() - 1;
  for (Id id = 0; id < size(); id++) {
    std::size_t slot = hashOf(names_[id]) & mask;
    while (slots_[slot] != none) slot = (slot + 1) & mask;
    slots_[slot] = id;
  }
}

}  // namespace laminix::daemon
