#include "asking.h"
#include "check.h"
#include "nars.h"

using namespace laminix::daemon;
using namespace laminix::test;

namespace {

/** What a NAR call makes of a daemon's bytes, in pieces of `step` bytes. */
std::string read(const Encoder& daemon, std::size_t step = SIZE_MAX) {
  auto call = callNar(pathOf(1));
  for (int i = 0; i < 1000; i++) call->want();
  Script script(daemon, step);
  Decoder in(script);
  Encoder out;
  Heard heard;
  take(*call, in, out, &heard);
  expectEqual(in.number(), 99u, "what follows the NAR");
  return heard.chunks;
}

Encoder followed(Encoder nar) {
  nar.number(99);
  return nar;
}

}  // namespace

int main() {
  return run({
      {"a NAR is passed on as it is, to its end and no further",
       [] {
         Encoder nar;
         writeNar(nar);
         std::string bytes(nar.pending());
         for (std::size_t step : {1, 7, 8, 1000}) {
           check(read(followed(nar), step) == bytes, "the bytes");
         }
       }},
      {"a file larger than any buffer comes whole",
       [] {
         std::string contents(3'000'001, 'x');
         Encoder nar;
         writeNar(nar, contents);
         check(read(followed(nar), 100'000) == std::string(nar.pending()), "the bytes");
       }},
      {"a file or a link can be the whole of it",
       [] {
         Encoder file, link;
         writeFile(file.string("nix-archive-1"), "x");
         link.string("nix-archive-1").string("(").string("type").string("symlink");
         link.string("target").string("x").string(")");
         check(read(followed(file)) == std::string(file.pending()), "a file");
         check(read(followed(link)) == std::string(link.pending()), "a link");
       }},
      {"an error in place of the NAR, or in the midst of it, is the daemon's",
       [] {
         for (bool begun : {false, true}) {
           Encoder daemon;
           if (begun) daemon.string("nix-archive-1").string("(");
           writeError(daemon, "it is gone");
           try {
             read(daemon);
             check(false, "an error was expected");
           } catch (const FatalError& error) {
             expectEqual(error.code, code::daemon, "code");
             expectEqual(std::string(error.what()), "it is gone", "message");
           }
         }
       }},
      {"something else is a protocol error",
       [] {
         for (const char* type : {"fifo", "", "regularly"}) {
           Encoder daemon;
           daemon.string("nix-archive-1").string("(").string("type").string(type).string(")");
           expectEqual(codeOf([&] { read(followed(daemon)); }), code::protocol, type);
         }
       }},
  });
}
