#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "daemon/string_column.h"

namespace laminix::daemon {

/** A value that crosses the wire, of the form that a Shape describes; nothing where an optional one is
 * absent. */
struct Item {
  /** A record's named parts in their order, or the items of a list. */
  using Parts = std::vector<Item>;
  std::variant<std::monostate, bool, std::uint64_t, std::string, StringColumn, Parts> value;
};

}  // namespace laminix::daemon
