#pragma once

#include <zstd.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace laminix::encode {

/** Makes each chunk into a frame (RFC 8878) that has its length and its checksum. For one thread at a time.
 */
class Zstd {
 public:
  explicit Zstd(int level);

  /**
   * @return the bytes of `room` that are used
   * @throws std::runtime_error where `room` is too small
   */
  std::size_t encode(std::span<const std::uint8_t> chunk, std::span<std::uint8_t> room);

 private:
  struct Free {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  };
  std::unique_ptr<ZSTD_CCtx, Free> context_;
};

}  // namespace laminix::encode
