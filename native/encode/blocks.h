#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace laminix::encode {

/** A deflate stream's last block, in bits from the start of the stream. */
struct LastBlock {
  /** Its header, of which the first bit marks it as the last. */
  std::size_t begin;
  /** Behind its last bit. */
  std::size_t end;
};

/**
 * Follows a deflate stream (RFC 1951) through its blocks, for they do not say how long they are. Nothing is
 * unpacked, and how far back matches refer is not checked. What follows the last block is not looked at.
 * @throws std::runtime_error where the stream is damaged or incomplete
 */
LastBlock findLastBlock(std::span<const std::uint8_t> stream);

}  // namespace laminix::encode
