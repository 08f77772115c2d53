#include "encode/blocks.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <stdexcept>

namespace laminix::encode {

namespace {

[[noreturn]] void damaged(const char* what) {
  throw std::runtime_error(std::string("a deflate stream is damaged: ") + what);
}

/** Bits from the lowest of each byte on (RFC 1951, 3.1.1). */
class Bits {
 public:
  explicit Bits(std::span<const std::uint8_t> bytes)
      : begin_(bytes.data()), next_(begin_), end_(begin_ + bytes.size()) {}

  /** From here on there are 56 bits, or all that are left. */
  void refill() {
    if (std::endian::native == std::endian::little && end_ - next_ >= 8) {
      std::uint64_t word;
      std::memcpy(&word, next_, 8);
      // Bits above `count_` may be there already; they are the same.
      buffer_ |= word << count_;
      next_ += (63 - count_) >> 3;
      count_ |= 56;
      return;
    }
    for (; count_ <= 56 && next_ != end_; count_ += 8) buffer_ |= std::uint64_t{*next_++} << count_;
  }

  /** The next bits, which stay; zeros behind the end. */
  std::uint64_t look() const { return buffer_; }

  void skip(unsigned count) {
    if (count > count_) damaged("it ends too early");
    buffer_ >>= count;
    count_ -= count;
  }

  /** Up to 16. */
  unsigned take(unsigned count) {
    refill();
    unsigned bits = static_cast<unsigned>(buffer_ & ((1U << count) - 1));
    skip(count);
    return bits;
  }

  /** To the next byte, and so many bytes on from there. */
  void skipBytes(std::size_t count) {
    next_ = begin_ + (position() + 7) / 8;
    buffer_ = 0;
    count_ = 0;
    if (count > static_cast<std::size_t>(end_ - next_)) damaged("it ends too early");
    next_ += count;
  }

  /** From the start. */
  std::size_t position() const { return static_cast<std::size_t>(next_ - begin_) * 8 - count_; }

 private:
  const std::uint8_t* begin_;
  const std::uint8_t* next_;
  const std::uint8_t* end_;
  std::uint64_t buffer_ = 0;
  unsigned count_ = 0;
};

/**
 * A symbol: in the low bits, how many bits it takes with the extra bits behind it; and which code the next
 * one is of.
 */
using Step = std::uint16_t;
constexpr Step bitsOf = 0x1f;
/** What is not just skipped. */
constexpr Step endOfBlock = 0x20;
/** Its code is longer than the table, or there is none. */
constexpr Step notInTable = 0x40;
/** Bits that stand for no symbol (RFC 1951, 3.2.6). */
constexpr Step reserved = 0x80;
constexpr Step special = endOfBlock | notInTable | reserved;

/** Bits that are looked up at once. */
constexpr unsigned tableBits = 11;
/** A distance follows. In a table of both codes, that of distances stands behind the other. */
constexpr Step match = 1 << tableBits;

constexpr unsigned longestCode = 15;

/** RFC 1951, 3.2.5. */
constexpr auto literalSteps = [] {
  std::array<Step, 288> steps{};
  steps[256] = endOfBlock;
  for (unsigned i = 257; i < 285; i++) steps[i] = match | (i < 265 ? 0 : (i - 261) / 4);
  steps[285] = match;
  steps[286] = steps[287] = reserved;
  return steps;
}();
constexpr auto distanceSteps = [] {
  std::array<Step, 32> steps{};
  for (unsigned i = 0; i < 30; i++) steps[i] = i < 4 ? 0 : (i - 2) / 2;
  steps[30] = steps[31] = reserved;
  return steps;
}();

/** What bits stand for that begin with a code's. */
using Table = std::span<Step, std::size_t{1} << tableBits>;

/** A Huffman code (RFC 1951, 3.2.2) that is read for its steps. */
template <std::size_t symbols>
class Code {
 public:
  /** @param lengths of the symbols' codes; 0 for one that has none */
  void make(std::span<const std::uint8_t> lengths, const Step* steps) {
    steps_ = steps;
    counts_.fill(0);
    for (std::uint8_t length : lengths) counts_[length]++;
    counts_[0] = 0;
    std::array<std::uint16_t, longestCode + 2> offsets{};
    int left = 1;
    for (unsigned length = 1; length <= longestCode; length++) {
      left = left * 2 - counts_[length];
      if (left < 0) damaged("a code has too many symbols");
      offsets[length + 1] = static_cast<std::uint16_t>(offsets[length] + counts_[length]);
    }
    for (std::size_t symbol = 0; symbol < lengths.size(); symbol++)
      if (lengths[symbol] != 0) sorted_[offsets[lengths[symbol]]++] = static_cast<std::uint16_t>(symbol);
  }

  void fill(Table table) const {
    std::fill(table.begin(), table.end(), notInTable);
    unsigned code = 0;
    unsigned index = 0;
    for (unsigned length = 1; length <= tableBits; length++, code <<= 1) {
      for (unsigned count = counts_[length]; count > 0; count--, code++) {
        Step step = steps_[sorted_[index++]];
        if (step == reserved) continue;
        unsigned reversed = 0;
        for (unsigned i = 0; i < length; i++) reversed |= ((code >> i) & 1) << (length - 1 - i);
        for (std::size_t i = reversed; i < table.size(); i += std::size_t{1} << length)
          table[i] = static_cast<Step>(step + length);
      }
    }
  }

  /** For bits that are not in the table. */
  Step search(std::uint64_t bits) const {
    auto [symbol, length] = searchSymbol(bits);
    if (steps_[symbol] == reserved) damaged("a symbol is not in use");
    return static_cast<Step>(steps_[symbol] + length);
  }

  /** The symbol itself, which is skipped; for a code without extra bits. */
  unsigned symbol(Bits& bits) const {
    bits.refill();
    auto [symbol, length] = searchSymbol(bits.look());
    bits.skip(length);
    return symbol;
  }

 private:
  struct Found {
    unsigned symbol;
    unsigned length;
  };

  /** Codes of one length follow one another, and are in the order of their symbols. */
  Found searchSymbol(std::uint64_t bits) const {
    unsigned code = 0;
    unsigned first = 0;
    unsigned index = 0;
    for (unsigned length = 1; length <= longestCode; length++) {
      code |= static_cast<unsigned>(bits >> (length - 1)) & 1;
      unsigned count = counts_[length];
      if (code < first + count) return {sorted_[index + code - first], length};
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    damaged("bits stand for no symbol");
  }

  const Step* steps_ = nullptr;
  std::array<std::uint16_t, longestCode + 1> counts_{};
  std::array<std::uint16_t, symbols> sorted_{};
};

class Walker {
 public:
  explicit Walker(std::span<const std::uint8_t> stream) : bits_(stream) {}

  LastBlock walk() {
    for (;;) {
      std::size_t begin = bits_.position();
      bool isLast = bits_.take(1) == 1;
      switch (bits_.take(2)) {
        case 0:
          skipStored();
          break;
        case 1:
          makeFixed();
          skipSymbols();
          break;
        case 2:
          readCodes();
          skipSymbols();
          break;
        default:
          damaged("a block has no type");
      }
      if (isLast) return {begin, bits_.position()};
    }
  }

 private:
  /** RFC 1951, 3.2.4. */
  void skipStored() {
    bits_.skipBytes(0);
    unsigned length = bits_.take(16);
    if ((bits_.take(16) ^ length) != 0xffff) damaged("a length is not as its complement");
    bits_.skipBytes(length);
  }

  /** RFC 1951, 3.2.6. */
  void makeFixed() {
    std::array<std::uint8_t, 288> lengths;
    for (unsigned i = 0; i < lengths.size(); i++) lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
    literals_.make(lengths, literalSteps.data());
    std::array<std::uint8_t, 32> distances;
    distances.fill(5);
    distances_.make(distances, distanceSteps.data());
  }

  /** RFC 1951, 3.2.7. */
  void readCodes() {
    unsigned literals = bits_.take(5) + 257;
    unsigned distances = bits_.take(5) + 1;
    unsigned given = bits_.take(4) + 4;
    if (literals > 286 || distances > 30) damaged("a code has too many symbols");
    static constexpr std::uint8_t order[] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                             11, 4,  12, 3, 13, 2, 14, 1, 15};
    std::array<std::uint8_t, 19> ofLengths{};
    for (unsigned i = 0; i < given; i++) ofLengths[order[i]] = static_cast<std::uint8_t>(bits_.take(3));
    lengths_.make(ofLengths, literalSteps.data());

    std::array<std::uint8_t, 286 + 30> all;
    unsigned total = literals + distances;
    for (unsigned i = 0; i < total;) {
      unsigned symbol = lengths_.symbol(bits_);
      if (symbol < 16) {
        all[i++] = static_cast<std::uint8_t>(symbol);
        continue;
      }
      if (symbol == 16 && i == 0) damaged("there is no length to repeat");
      std::uint8_t length = symbol == 16 ? all[i - 1] : 0;
      unsigned times = symbol == 16   ? 3 + bits_.take(2)
                       : symbol == 17 ? 3 + bits_.take(3)
                                      : 11 + bits_.take(7);
      if (times > total - i) damaged("a length is repeated too often");
      std::fill_n(all.begin() + i, times, length);
      i += times;
    }
    std::span<const std::uint8_t> made(all);
    if (made[256] == 0) damaged("a block has no end");
    literals_.make(made.first(literals), literalSteps.data());
    distances_.make(made.subspan(literals, distances), distanceSteps.data());
  }

  /**
   * Which code the next symbol is of comes out of the table, too: to guess it, as a processor does at a
   * branch, goes wrong half of the time.
   */
  void skipSymbols() {
    std::span table(table_);
    literals_.fill(table.first<match>());
    distances_.fill(table.last<match>());
    Step next = 0;
    for (;;) {
      // Two symbols take 48 bits at the most.
      bits_.refill();
      for (int i = 0; i < 2; i++) {
        Step step = table[next | (bits_.look() & (match - 1))];
        if (step & special) [[unlikely]] {
          if (step == notInTable)
            step = next == 0 ? literals_.search(bits_.look()) : distances_.search(bits_.look());
          if (step & endOfBlock) {
            bits_.skip(step & bitsOf);
            return;
          }
        }
        bits_.skip(step & bitsOf);
        next = step & match;
      }
    }
  }

  Bits bits_;
  Code<288> literals_;
  Code<32> distances_;
  Code<19> lengths_;
  std::array<Step, std::size_t{2} * match> table_;
};

}  // namespace

LastBlock findLastBlock(std::span<const std::uint8_t> stream) { return Walker(stream).walk(); }

}  // namespace laminix::encode
