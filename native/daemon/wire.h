#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

namespace laminix::daemon {

/** No list that a daemon sends is longer: more than all paths of the largest stores. */
inline constexpr std::uint64_t maxListLength = 4'000'000;
/** No string that a daemon sends is longer, in bytes. Log lines and error messages are the long ones. */
inline constexpr std::uint64_t maxStringLength = 16 << 20;
/** No path, hash, signature or content address is longer, in bytes. */
inline constexpr std::uint64_t maxShortLength = 4096;
/** The largest integer that a double holds exactly with all smaller ones: numbers go to JavaScript as
 * doubles. */
inline constexpr std::uint64_t maxSafeInteger = (std::uint64_t{1} << 53) - 1;

/** Bytes to send: 64-bit little endian numbers, and strings padded with zeros to multiples of eight. */
class Encoder {
 public:
  Encoder& number(std::uint64_t value);
  Encoder& string(std::string_view value);
  /** Bytes that are encoded already. */
  Encoder& raw(std::string_view encoded);

  /** What is not sent yet. */
  std::string_view pending() const { return std::string_view(bytes_).substr(sent_); }
  /** Forgets the first `count` pending bytes. */
  void sent(std::size_t count);

  /** What was written last is a request; one answer will come. */
  Encoder& endRequest();
  /** What was written last is the head of a request whose body follows; one answer will come. */
  Encoder& beginBody();
  /** The answer to the oldest request has come. */
  void answered();
  /**
   * What of pending() may be sent if at most `window` bytes of requests are to be unanswered. A longer
   * request is sent alone.
   */
  std::string_view sendable(std::uint64_t window) const;

 private:
  std::string bytes_;
  std::size_t sent_ = 0;

  // Positions in the stream since its start.
  std::uint64_t sentTotal_ = 0;
  std::uint64_t answeredEnd_ = 0;
  std::deque<std::uint64_t> unansweredEnds_;
};

/** Where a Decoder's bytes come from. */
class Source {
 public:
  virtual ~Source() = default;
  /** Waits for at least one byte; writes at most `capacity`, and says how many. 0 at the end. */
  virtual std::size_t read(char* into, std::size_t capacity) = 0;
};

/**
 * Reads what a daemon sends. Nothing is believed: what is out of bounds is a ProtocolError, and memory is
 * taken only for bytes that have arrived. EndOfStream where the source ends.
 */
class Decoder {
 public:
  explicit Decoder(Source& source);

  std::uint64_t number();
  /** A ProtocolError that names `what` if it is greater than `max`. */
  std::uint64_t number(std::uint64_t max, const char* what);
  bool boolean() { return number() != 0; }
  /** How many items follow. At most maxListLength; not a reason to reserve room for them. */
  std::uint64_t count(const char* what) { return number(maxListLength, what); }
  /** The view is good until the next call to this decoder. */
  std::string_view string(std::uint64_t maxLength, const char* what);
  /** A string whose length has been read. */
  std::string_view body(std::uint64_t length, std::uint64_t maxLength, const char* what);
  /** What follows `length` bytes that were read with some(): zeros, or it is a ProtocolError. */
  void padding(std::uint64_t length, const char* what);
  /** Bytes as they are, at least one and at most `most`. The view is good until the next call to this
   * decoder. */
  std::string_view some(std::size_t most);

  /** Whether bytes have arrived that nobody has read. */
  bool hasBuffered() const { return begin_ != end_; }
  /** Whether any byte has ever arrived. */
  bool hasReceived() const { return received_; }

 private:
  void need(std::size_t count);
  void fill();
  void checkPadding(const char* padding, std::size_t count, const char* what) const;

  Source& source_;
  std::unique_ptr<char[]> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool received_ = false;
  /** Holds strings that are longer than the buffer. */
  std::string long_;
};

}  // namespace laminix::daemon
