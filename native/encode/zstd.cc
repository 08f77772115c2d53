#include "encode/zstd.h"

#include <new>
#include <stdexcept>
#include <string>

namespace laminix::encode {

namespace {

std::size_t checked(std::size_t result) {
  if (ZSTD_isError(result)) throw std::runtime_error(std::string("zstd: ") + ZSTD_getErrorName(result));
  return result;
}

}  // namespace

Zstd::Zstd(int level) : context_(ZSTD_createCCtx()) {
  if (!context_) throw std::bad_alloc();
  checked(ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, level));
  checked(ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1));
}

std::size_t Zstd::encode(std::span<const std::uint8_t> chunk, std::span<std::uint8_t> room) {
  return checked(ZSTD_compress2(context_.get(), room.data(), room.size(), chunk.data(), chunk.size()));
}

}  // namespace laminix::encode
