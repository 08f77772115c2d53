#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "daemon/string_column.h"

namespace laminix::daemon {

/** A set of base names, numbered from 0 in the order in which they were added. One buffer holds them all. */
class BaseNames {
 public:
  using Id = std::uint32_t;

  std::size_t size() const { return names_.size(); }
  std::string_view operator[](Id id) const { return names_[id]; }

  static constexpr Id none = UINT32_MAX;
  /** `none` if it was not added. */
  Id find(std::string_view name) const;
  /** Of a name that find() does not know. */
  Id add(std::string_view name);

 private:
  void grow();

  StringColumn names_;
  /** Open addressing with linear probing; a power of two, at most half full. */
  std::vector<Id> slots_;
};

}  // namespace laminix::daemon
