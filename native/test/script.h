#pragma once

#include <algorithm>
#include <cstring>
#include <string>

#include "daemon/wire.h"

namespace laminix::test {

/** A daemon whose whole part is written beforehand. */
class Script final : public daemon::Source {
 public:
  /** Hands out at most `step` bytes at a time. */
  explicit Script(std::string bytes, std::size_t step = SIZE_MAX) : bytes_(std::move(bytes)), step_(step) {}
  Script(const daemon::Encoder& encoder, std::size_t step = SIZE_MAX)
      : Script(std::string(encoder.pending()), step) {}

  std::size_t read(char* into, std::size_t capacity) override {
    std::size_t count = std::min({capacity, step_, bytes_.size() - position_});
    std::memcpy(into, bytes_.data() + position_, count);
    position_ += count;
    return count;
  }

 private:
  std::string bytes_;
  std::size_t step_;
  std::size_t position_ = 0;
};

inline constexpr std::uint64_t last = 0x616c7473;
inline constexpr std::uint64_t error = 0x63787470;
inline constexpr std::uint64_t next = 0x6f6c6d67;

inline void writeError(daemon::Encoder& out, std::string_view message, std::uint64_t level = 0) {
  out.number(error).string("Error").number(level).string("Error").string(message).number(0).number(0);
}

}  // namespace laminix::test
