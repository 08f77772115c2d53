#include "encode/deflate.h"

#include <algorithm>
#include <new>
#include <stdexcept>

#include "encode/blocks.h"

namespace laminix::encode {

namespace {

/** An empty stored block but for its header of three bits (RFC 1951, 3.2.4): it ends where a byte does. */
constexpr std::uint8_t emptyBlock[] = {0x00, 0x00, 0xff, 0xff};

}  // namespace

Deflate::Deflate(int level) : compressor_(libdeflate_alloc_compressor(level)) {
  if (!compressor_) throw std::bad_alloc();
}

std::size_t Deflate::encode(std::span<const std::uint8_t> chunk, std::span<std::uint8_t> room) {
  if (chunk.empty()) return 0;
  constexpr std::size_t padding = 1 + sizeof emptyBlock;
  std::size_t length = room.size() <= padding
                           ? 0
                           : libdeflate_deflate_compress(compressor_.get(), chunk.data(), chunk.size(),
                                                         room.data(), room.size() - padding);
  if (length == 0) throw std::runtime_error("a chunk does not fit into its room when it is compressed");

  LastBlock last = findLastBlock(room.first(length));
  room[last.begin / 8] &= static_cast<std::uint8_t>(~(1U << (last.begin % 8)));
  unsigned used = last.end % 8;
  if (used == 0) return length;
  // Three zeros are the header: in the last byte where they fit, else they begin there and go on in one more.
  room[length - 1] &= static_cast<std::uint8_t>((1U << used) - 1);
  if (used > 5) room[length++] = 0;
  std::copy(std::begin(emptyBlock), std::end(emptyBlock), room.begin() + static_cast<std::ptrdiff_t>(length));
  return length + sizeof emptyBlock;
}

std::uint32_t crc32(std::span<const std::uint8_t> bytes) {
  return libdeflate_crc32(0, bytes.data(), bytes.size());
}

}  // namespace laminix::encode
