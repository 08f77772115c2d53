#include "daemon/wire.h"

#include <algorithm>
#include <cstring>

#include "daemon/error.h"

namespace laminix::daemon {

namespace {

constexpr std::size_t bufferSize = 128 << 10;
/** A buffer of this size that was used once is not kept. */
constexpr std::size_t keptSize = 1 << 20;

std::size_t paddingOf(std::size_t length) { return (8 - length % 8) % 8; }

}  // namespace

Encoder& Encoder::number(std::uint64_t value) {
  char bytes[8];
  for (int i = 0; i < 8; i++) bytes[i] = static_cast<char>(value >> (8 * i));
  bytes_.append(bytes, sizeof bytes);
  return *this;
}

Encoder& Encoder::string(std::string_view value) {
  number(value.size());
  bytes_.append(value);
  bytes_.append(paddingOf(value.size()), '\0');
  return *this;
}

Encoder& Encoder::raw(std::string_view encoded) {
  bytes_.append(encoded);
  return *this;
}

Encoder& Encoder::endRequest() {
  unansweredEnds_.push_back(sentTotal_ + pending().size());
  return *this;
}

Encoder& Encoder::beginBody() {
  unansweredEnds_.push_back(UINT64_MAX);
  return *this;
}

void Encoder::answered() {
  answeredEnd_ = std::min(unansweredEnds_.front(), sentTotal_ + pending().size());
  unansweredEnds_.pop_front();
}

std::string_view Encoder::sendable(std::uint64_t window) const {
  if (unansweredEnds_.empty()) return pending();
  std::uint64_t end = std::max(answeredEnd_ + window, unansweredEnds_.front());
  return pending().substr(0, end > sentTotal_ ? end - sentTotal_ : 0);
}

void Encoder::sent(std::size_t count) {
  sentTotal_ += count;
  sent_ += count;
  if (sent_ < bytes_.size()) return;
  sent_ = 0;
  if (bytes_.capacity() > keptSize) {
    bytes_ = std::string();
  } else {
    bytes_.clear();
  }
}

Decoder::Decoder(Source& source) : source_(source), buffer_(new char[bufferSize]) {}

std::uint64_t Decoder::number() {
  need(8);
  std::uint64_t value = 0;
  for (int i = 0; i < 8; i++) {
    value |= static_cast<std::uint64_t>(static_cast<unsigned char>(buffer_[begin_ + i])) << (8 * i);
  }
  begin_ += 8;
  return value;
}

std::uint64_t Decoder::number(std::uint64_t max, const char* what) {
  std::uint64_t value = number();
  if (value > max) {
    throw ProtocolError("the daemon sent " + std::to_string(value) + " as " + what + "; at most " +
                        std::to_string(max) + " is possible");
  }
  return value;
}

std::string_view Decoder::string(std::uint64_t maxLength, const char* what) {
  return body(number(), maxLength, what);
}

std::string_view Decoder::body(std::uint64_t length, std::uint64_t maxLength, const char* what) {
  if (length > maxLength) {
    throw ProtocolError("the daemon announced " + std::to_string(length) + " bytes of " + what +
                        "; at most " + std::to_string(maxLength) + " are possible");
  }
  std::size_t padding = paddingOf(length);
  if (length + padding <= bufferSize) {
    need(length + padding);
    std::string_view value(buffer_.get() + begin_, length);
    checkPadding(value.data() + length, padding, what);
    begin_ += length + padding;
    return value;
  }
  if (long_.capacity() > keptSize) long_ = std::string();
  long_.clear();
  while (long_.size() < length) {
    need(1);
    std::size_t part = std::min<std::size_t>(end_ - begin_, length - long_.size());
    long_.append(buffer_.get() + begin_, part);
    begin_ += part;
  }
  this->padding(length, what);
  return long_;
}

void Decoder::padding(std::uint64_t length, const char* what) {
  std::size_t count = paddingOf(length);
  need(count);
  checkPadding(buffer_.get() + begin_, count, what);
  begin_ += count;
}

std::string_view Decoder::some(std::size_t most) {
  need(1);
  std::string_view bytes(buffer_.get() + begin_, std::min(most, end_ - begin_));
  begin_ += bytes.size();
  return bytes;
}

void Decoder::need(std::size_t count) {
  if (end_ - begin_ >= count) return;
  std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  while (end_ < count) fill();
}

void Decoder::fill() {
  std::size_t count = source_.read(buffer_.get() + end_, bufferSize - end_);
  if (count == 0) throw EndOfStream();
  received_ = true;
  end_ += count;
}

void Decoder::checkPadding(const char* padding, std::size_t count, const char* what) const {
  for (std::size_t i = 0; i < count; i++) {
    if (padding[i] != 0)
      throw ProtocolError(std::string("the daemon padded ") + what + " with something else than zeros");
  }
}

}  // namespace laminix::daemon
