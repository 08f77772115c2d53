#include "daemon/wire.h"

#include "check.h"
#include "script.h"

using namespace laminix::daemon;
using namespace laminix::test;

namespace {

std::string hex(std::string_view bytes) {
  std::string text;
  for (unsigned char byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

std::string bigString(std::size_t size) {
  std::string value(size, 'x');
  for (std::size_t i = 0; i < size; i += 1000) value[i] = static_cast<char>('a' + i % 26);
  return value;
}

}  // namespace

int main() {
  return run({
      {"numbers are 64-bit little endian",
       [] {
         Encoder out;
         out.number(0x0102030405060708);
         expectEqual(hex(out.pending()), "0807060504030201", "bytes");
         Script script(out);
         Decoder in(script);
         expectEqual(in.number(), 0x0102030405060708u, "number");
       }},
      {"strings are padded with zeros to eight bytes",
       [] {
         Encoder out;
         out.string("abc").string("12345678").string("");
         expectEqual(hex(out.pending()),
                     "0300000000000000"
                     "6162630000000000"
                     "0800000000000000"
                     "3132333435363738"
                     "0000000000000000",
                     "bytes");
       }},
      {"sent bytes are no longer pending",
       [] {
         Encoder out;
         out.number(1).number(2);
         out.sent(12);
         expectEqual(hex(out.pending()), "00000000", "rest");
         out.number(3);
         out.sent(12);
         expectEqual(out.pending().size(), 0u, "pending");
       }},
      {"requests beyond the window wait for answers, one that is longer does not",
       [] {
         Encoder out;
         for (int i = 0; i < 4; i++) out.number(1).number(2).endRequest();
         out.string(std::string(992, 'x')).endRequest();
         expectEqual(out.sendable(40).size(), 40u, "first");
         out.sent(40);
         expectEqual(out.sendable(40).size(), 0u, "before an answer");
         out.answered();
         expectEqual(out.sendable(40).size(), 16u, "after an answer");
         out.sent(16);
         for (int i = 0; i < 3; i++) out.answered();
         expectEqual(out.sendable(40).size(), 1008u, "the long one");
         out.sent(1008);
         out.answered();
         out.number(3);
         expectEqual(out.sendable(0).size(), 8u, "what is no request");
       }},
      {"what is encoded is decoded, in pieces of any size",
       [] {
         Encoder out;
         out.number(7).string("seven c").string("").string(std::string("a\0b\xff", 4)).number(UINT64_MAX);
         for (std::size_t step : {1, 2, 3, 7, 8, 9, 1000}) {
           Script script(out, step);
           Decoder in(script);
           expectEqual(in.number(), 7u, "number");
           expectEqual(in.string(100, "text"), "seven c", "string");
           expectEqual(in.string(100, "text"), "", "empty string");
           expectEqual(in.string(100, "text"), std::string("a\0b\xff", 4), "bytes");
           expectEqual(in.number(), UINT64_MAX, "largest number");
           check(!in.hasBuffered(), "all was read");
         }
       }},
      {"strings longer than the buffer are decoded",
       [] {
         for (std::size_t size : {131'063u, 131'064u, 131'072u, 131'073u, 300'001u, 5'000'003u}) {
           std::string value = bigString(size);
           Encoder out;
           out.number(1).string(value).number(2);
           Script script(out, 70'001);
           Decoder in(script);
           in.number();
           check(in.string(maxStringLength, "text") == value, "string of " + std::to_string(size));
           expectEqual(in.number(), 2u, "what follows");
         }
       }},
      {"a string longer than allowed is a protocol error before it arrives",
       [] {
         for (std::uint64_t length :
              {std::uint64_t{101}, std::uint64_t{1} << 32, UINT64_MAX, UINT64_MAX - 7}) {
           Encoder out;
           out.number(length);
           Script script(out);
           Decoder in(script);
           expectEqual(codeOf([&] { in.string(100, "text"); }), code::protocol, "code");
         }
       }},
      {"a list longer than allowed is a protocol error",
       [] {
         Encoder out;
         out.number(maxListLength).number(maxListLength + 1);
         Script script(out);
         Decoder in(script);
         expectEqual(in.count("items"), maxListLength, "longest");
         expectEqual(codeOf([&] { in.count("items"); }), code::protocol, "code");
       }},
      {"padding that is not zero is a protocol error",
       [] {
         for (std::size_t size : {3u, 200'003u}) {
           Encoder out;
           out.string(std::string(size, 'x'));
           std::string bytes(out.pending());
           bytes.back() = 1;
           Script script(bytes);
           Decoder in(script);
           expectEqual(codeOf([&] { in.string(maxStringLength, "text"); }), code::protocol, "code");
         }
       }},
      {"the end in the middle of anything is the end of the stream",
       [] {
         Encoder out;
         out.number(7).string("seven c").string(bigString(140'001));
         std::string whole(out.pending());
         for (std::size_t size : {0u, 1u, 7u, 8u, 15u, 16u, 20u, 23u, 24u, 31u, 32u, 100'000u, 140'030u}) {
           Script script(whole.substr(0, size));
           Decoder in(script);
           check(endsStream([&] {
                   in.number();
                   in.string(maxStringLength, "text");
                   in.string(maxStringLength, "text");
                 }),
                 "after " + std::to_string(size));
           expectEqual(in.hasReceived(), size > 0, "whether anything came");
         }
       }},
  });
}
