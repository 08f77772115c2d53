#include "daemon/handshake.h"

#include "check.h"
#include "script.h"

using namespace laminix::daemon;
using namespace laminix::test;

namespace {

constexpr std::uint64_t magic = 0x6478696f;

/** A daemon's greeting up to the answer to SetOptions. */
Encoder greeting(std::uint64_t minor, const std::vector<std::string>& features = {},
                 std::uint64_t trust = 0) {
  Encoder out;
  out.number(magic).number(0x100 | minor);
  if (minor >= 38) {
    out.number(features.size());
    for (const std::string& feature : features) out.string(feature);
  }
  if (minor >= 33) out.string("2.99.1");
  if (minor >= 35) out.number(trust);
  out.number(last);
  return out;
}

struct Result {
  Handshake handshake;
  std::string sent;
};

Result greet(const Encoder& daemon, std::size_t step = SIZE_MAX) {
  Script script(daemon, step);
  Decoder in(script);
  Encoder out;
  Result result{shakeHands(out, in), {}};
  result.sent = out.pending();
  check(!in.hasBuffered(), "nothing is left unread");
  return result;
}

std::string codeOfGreeting(const Encoder& daemon) {
  return codeOf([&] { greet(daemon); });
}

std::size_t setOptionsSize() { return 8 * 14; }

}  // namespace

int main() {
  std::vector<Test> tests;
  for (std::uint64_t minor : {32, 33, 34, 35, 37, 38}) {
    tests.push_back({"protocol 1." + std::to_string(minor) + " is spoken", [minor] {
                       Encoder daemon = greeting(minor, {}, 1);
                       daemon.number(last);
                       for (std::size_t step : {std::size_t{1}, SIZE_MAX}) {
                         auto [handshake, sent] = greet(daemon, step);
                         expectEqual(handshake.minor, minor, "minor");
                         expectEqual(handshake.version.value_or("none"), minor >= 33 ? "2.99.1" : "none",
                                     "version");
                         expectEqual(handshake.trusted.has_value(), minor >= 35, "whether trust is known");
                         std::size_t features = minor >= 38 ? 8 + (8 + 24) + (8 + 16) : 0;
                         expectEqual(sent.size(), 16 + features + 16 + setOptionsSize(), "bytes sent");
                       }
                     }});
  }
  tests.insert(
      tests.end(),
      {
          {"a newer daemon is spoken to as 1.38",
           [] {
             Encoder daemon;
             daemon.number(magic).number(0x1ff).number(0).string("9.9").number(2).number(last).number(last);
             expectEqual(greet(daemon).handshake.minor, 38u, "minor");
           }},
          {"trust is told apart from distrust and from not knowing",
           [] {
             auto trusted = [](std::uint64_t trust) {
               Encoder daemon = greeting(37, {}, trust);
               daemon.number(last);
               return greet(daemon).handshake.trusted;
             };
             check(!trusted(0).has_value(), "not known");
             check(trusted(1) == true, "trusted");
             check(trusted(2) == false, "not trusted");
           }},
          {"a daemon that does not want options is sent none",
           [] {
             Encoder daemon = greeting(38, {"other", "disable-set-options", "disable-set-options"});
             auto [handshake, sent] = greet(daemon);
             expectEqual(handshake.features.size(), 1u, "features");
             expectEqual(sent.size(), 16u + 64 + 16, "bytes sent");
           }},
          {"features that only the daemon has are not negotiated",
           [] {
             Encoder daemon = greeting(38, {"provenance", ""});
             daemon.number(last);
             expectEqual(greet(daemon).handshake.features.size(), 0u, "features");
           }},
          {"log lines in the greeting are dropped",
           [] {
             Encoder daemon;
             daemon.number(magic).number(0x122).string("2.8").number(next).string("hello\n").number(last);
             daemon.number(next).string("warning\n").number(last);
             expectEqual(greet(daemon).handshake.minor, 34u, "minor");
           }},
          {"something that is not a daemon is a protocol error",
           [] {
             Script script("HTTP/1.1 400 Bad Request\r\n\r\n");
             Decoder in(script);
             Encoder out;
             expectEqual(codeOf([&] { shakeHands(out, in); }), code::protocol, "code");
           }},
          {"a daemon older than protocol 1.32 is a protocol error that says its version",
           [] {
             Encoder daemon;
             daemon.number(magic).number(0x115);
             try {
               greet(daemon);
               check(false, "an error");
             } catch (const CodedError& error) {
               expectEqual(error.code, code::protocol, "code");
               check(std::string(error.what()).find("1.21") != std::string::npos, error.what());
             }
           }},
          {"another major version, or one out of range, is a protocol error",
           [] {
             for (std::uint64_t version : {std::uint64_t{0x226}, std::uint64_t{0x26}, UINT64_MAX}) {
               Encoder daemon;
               daemon.number(magic).number(version);
               expectEqual(codeOfGreeting(daemon), code::protocol, "code");
             }
           }},
          {"an error in the greeting is the daemon's",
           [] {
             Encoder daemon;
             daemon.number(magic).number(0x122).string("2.8");
             writeError(daemon, "no store");
             expectEqual(codeOfGreeting(daemon), code::daemon, "code");
           }},
          {"an error in place of the answer to the options is the daemon's",
           [] {
             Encoder daemon = greeting(34);
             writeError(daemon, "no options");
             expectEqual(codeOfGreeting(daemon), code::daemon, "code");
           }},
          {"a level of trust that does not exist is a protocol error",
           [] { expectEqual(codeOfGreeting(greeting(35, {}, 3)), code::protocol, "code"); }},
          {"endless features are a protocol error",
           [] {
             Encoder daemon;
             daemon.number(magic).number(0x126).number(UINT64_MAX);
             expectEqual(codeOfGreeting(daemon), code::protocol, "code");
           }},
          {"the end at any byte of the greeting is the end of the stream",
           [] {
             Encoder daemon = greeting(38, {"x"});
             daemon.number(last);
             std::string whole(daemon.pending());
             for (std::size_t size = 0; size < whole.size(); size++) {
               Script script(whole.substr(0, size));
               Decoder in(script);
               Encoder out;
               check(endsStream([&] { shakeHands(out, in); }), "after " + std::to_string(size));
             }
           }},
      });
  return run(tests);
}
