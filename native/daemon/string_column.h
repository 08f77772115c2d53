#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/error.h"

namespace laminix::daemon {

/** Many strings in one buffer: string i is bytes offsets[i] to offsets[i + 1]. */
struct StringColumn {
  std::string bytes;
  std::vector<std::uint32_t> offsets{0};

  std::size_t size() const { return offsets.size() - 1; }
  std::string_view operator[](std::size_t i) const {
    return std::string_view(bytes).substr(offsets[i], offsets[i + 1] - offsets[i]);
  }
  void push(std::string_view value) {
    if (value.size() > UINT32_MAX - bytes.size()) {
      throw ProtocolError("the daemon sent more than 4 GiB of strings");
    }
    bytes.append(value);
    offsets.push_back(static_cast<std::uint32_t>(bytes.size()));
  }
};

}  // namespace laminix::daemon
