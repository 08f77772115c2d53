#pragma once

#include <libdeflate.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace laminix::encode {

/** Makes chunks into parts of a deflate stream that need only be put one after another. For one thread at a
 * time. */
class Deflate {
 public:
  /** @param level 0 to 12 */
  explicit Deflate(int level);

  /**
   * Whole blocks up to the end of a byte, of which none is marked as the stream's last. Nothing of a chunk
   * that is empty.
   * @return the bytes of `room` that are used
   * @throws std::runtime_error where `room` is too small
   */
  std::size_t encode(std::span<const std::uint8_t> chunk, std::span<std::uint8_t> room);

 private:
  struct Free {
    void operator()(libdeflate_compressor* compressor) const { libdeflate_free_compressor(compressor); }
  };
  std::unique_ptr<libdeflate_compressor, Free> compressor_;
};

/** The checksum of gzip (RFC 1952, section 8). */
std::uint32_t crc32(std::span<const std::uint8_t> bytes);

}  // namespace laminix::encode
