#include "daemon/messages.h"

#include "check.h"
#include "script.h"

using namespace laminix::daemon;
using namespace laminix::test;

namespace {

constexpr std::uint64_t startActivity = 0x53545254, stopActivity = 0x53544f50, result = 0x52534c54;

std::string codeOfMessages(const Encoder& out) {
  Script script(out);
  Decoder in(script);
  return codeOf([&] { readMessages(in); });
}

}  // namespace

int main() {
  return run({
      {"log lines, activities and results before an answer are dropped",
       [] {
         Encoder out;
         out.number(next).string("a line\n");
         out.number(startActivity).number(UINT64_MAX).number(3).number(105).string("building");
         out.number(2).number(0).number(42).number(1).string("field").number(0);
         out.number(result).number(UINT64_MAX).number(101).number(1).number(1).string("log");
         out.number(stopActivity).number(UINT64_MAX);
         out.number(last).number(99);
         Script script(out);
         Decoder in(script);
         check(!readMessages(in), "no error");
         expectEqual(in.number(), 99u, "the answer");
       }},
      {"an error is read to its end, traces and all",
       [] {
         Encoder out;
         out.number(error).string("Error").number(1).string("Error").string("no").number(0);
         out.number(2).number(0).string("while here").number(0).string("while there");
         out.number(99);
         Script script(out);
         Decoder in(script);
         auto error = readMessages(in);
         check(error.has_value(), "an error");
         expectEqual(error->message, "no", "message");
         expectEqual(error->level, 1u, "level");
         expectEqual(in.number(), 99u, "what follows");
       }},
      {"an error's words are without colours and without their prefix",
       [] {
         Encoder out;
         writeError(
             out,
             "\x1b[31;1merror:\x1b[0m path '\x1b[35;1m/x\x1b[0m' is \x1b]8;;http://x\x1b\\bad\x1b]8;;\a\n",
             1);
         Script script(out);
         Decoder in(script);
         CodedError error = readMessages(in)->coded();
         expectEqual(error.code, code::daemon, "code");
         expectEqual(std::string(error.what()), "path '/x' is bad", "message");
         expectEqual(*error.level, 1u, "level");
       }},
      {"cut escape sequences do not read past the end",
       [] {
         for (const char* text : {"a\x1b", "a\x1b[", "a\x1b[31", "a\x1b]", "a\x1b]8;;x", "a\x1b]8;;x\x1b"}) {
           expectEqual(withoutEscapes(text), "a", "text");
         }
       }},
      {"a message of unknown kind is a protocol error",
       [] {
         Encoder out;
         out.number(12345);
         expectEqual(codeOfMessages(out), code::protocol, "code");
       }},
      {"questions of the daemon, which no operation here allows, are protocol errors",
       [] {
         for (std::uint64_t kind : {0x64617461u, 0x64617416u}) {
           Encoder out;
           out.number(kind).number(100);
           expectEqual(codeOfMessages(out), code::protocol, "code");
         }
       }},
      {"an error with a position is a protocol error",
       [] {
         Encoder out;
         out.number(error).string("Error").number(0).string("Error").string("no").number(1).number(0);
         expectEqual(codeOfMessages(out), code::protocol, "code");
       }},
      {"a field of unknown kind is a protocol error",
       [] {
         Encoder out;
         out.number(result).number(1).number(101).number(1).number(2).number(0);
         expectEqual(codeOfMessages(out), code::protocol, "code");
       }},
      {"more fields than possible are a protocol error",
       [] {
         Encoder out;
         out.number(result).number(1).number(101).number(UINT64_MAX);
         expectEqual(codeOfMessages(out), code::protocol, "code");
       }},
  });
}
