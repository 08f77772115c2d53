// Streams that are broken at random, from fixed seeds: what reads them may fail with a coded error, and with
// nothing else. The sanitizers watch the rest.

#include <random>

#include "asking.h"
#include "check.h"
#include "daemon/calls.h"
#include "daemon/handshake.h"
#include "daemon/messages.h"
#include "graph.h"
#include "nars.h"

using namespace laminix::daemon;
using namespace laminix::test;

namespace {

constexpr int rounds = 4000;

std::string mutate(std::string bytes, std::mt19937& random) {
  constexpr std::uint64_t interesting[] = {0,
                                           1,
                                           7,
                                           8,
                                           0x7fffffff,
                                           0xffffffff,
                                           maxListLength,
                                           maxStringLength,
                                           maxStringLength + 1,
                                           UINT64_MAX,
                                           UINT64_MAX - 7,
                                           last,
                                           error,
                                           next};
  for (unsigned changes = 1 + random() % 4; changes > 0 && !bytes.empty(); changes--) {
    std::size_t at = random() % bytes.size();
    switch (random() % 5) {
      case 0:
        bytes[at] = static_cast<char>(random());
        break;
      case 1:
        bytes.resize(at);
        break;
      case 2:
        bytes.insert(at, 1 + random() % 9, static_cast<char>(random()));
        break;
      case 3:
        bytes.erase(at, 1 + random() % 9);
        break;
      default: {
        std::uint64_t value = interesting[random() % std::size(interesting)];
        for (std::size_t i = 0; i < 8 && at / 8 * 8 + i < bytes.size(); i++) {
          bytes[at / 8 * 8 + i] = static_cast<char>(value >> (8 * i));
        }
      }
    }
  }
  return bytes;
}

/** How many of the rounds were read without an error. */
int fuzz(const Encoder& seed, unsigned number, const std::function<void(Decoder&)>& read) {
  std::mt19937 random(number);
  int unharmed = 0;
  for (int round = 0; round < rounds; round++) {
    Script script(mutate(std::string(seed.pending()), random), 1 + random() % 200);
    Decoder in(script);
    try {
      read(in);
      unharmed++;
    } catch (const EndOfStream&) {
    } catch (const CodedError&) {
    }
  }
  return unharmed;
}

void readAll(const std::shared_ptr<Call>& call, Decoder& in) {
  Encoder out;
  for (std::size_t open = call->ask(out, minor); open > 0; open--) {
    if (auto error = readMessages(in)) continue;
    open += take(*call, in, out);
  }
  call->result();
}

}  // namespace

int main() {
  Graph graph{{1, {2, 3, 4}}, {2, {5, 2}}, {3, {5}}, {4, {5, 6}}, {5, {}}, {6, {}}};

  Encoder greeting;
  greeting.number(0x6478696f).number(0x126).number(2).string("disable").string("x").string("2.99").number(1);
  greeting.number(next).string("hello\n").number(last).number(last);

  Encoder messages;
  messages.number(next).string("line\n").number(0x53545254).number(1).number(2).number(3).string("text");
  messages.number(2).number(0).number(1).number(1).string("x").number(0).number(0x53544f50).number(1);
  writeError(messages, "\x1b[31mbad\x1b[0m");

  Encoder infos;
  for (std::size_t i : {1, 2, 3, 4, 5, 6}) writePathInfo(infos.number(last), graph, i);

  Encoder paths;
  paths.number(last).number(6);
  for (std::size_t i = 0; i < 6; i++) paths.string(pathOf(i));

  Encoder batch;
  for (const auto& wave : std::vector<std::vector<std::size_t>>{{1}, {2, 3, 4}, {5, 6}}) {
    writePathInfos(batch.number(last), graph, wave);
  }

  Encoder results;
  results.number(last).number(2);
  for (int i = 0; i < 2; i++) {
    results.string("/nix/store/x.drv!out").number(i).string("why").number(1).number(0).number(1).number(2);
    results.number(1).number(5).number(0).number(1).string("sha256:x!out").string("{}");
  }

  Encoder nar;
  nar.number(last);
  writeNar(nar);

  return run({
      {"a broken greeting is a coded error",
       [&] {
         int unharmed = fuzz(greeting, 1, [](Decoder& in) {
           Encoder out;
           shakeHands(out, in);
         });
         check(unharmed < rounds, "some are errors");
       }},
      {"broken messages are a coded error",
       [&] {
         fuzz(messages, 2, [](Decoder& in) {
           if (auto error = readMessages(in)) error->coded();
         });
       }},
      {"a broken closure is a coded error, or a closure that holds together",
       [&] {
         fuzz(infos, 3, [](Decoder& in) {
           auto call = callClosure(storeDir, {pathOf(1)});
           Encoder out;
           for (std::size_t open = call->ask(out, minor); open > 0; open--) {
             if (readMessages(in)) return;
             open += take(*call, in, out);
           }
           Closure closure = std::get<Closure>(call->result());
           for (std::size_t i = 0; i < closure.size(); i++) {
             for (auto k = closure.referenceOffsets[i]; k < closure.referenceOffsets[i + 1]; k++) {
               check(closure.references[k] <= i, "a row comes after all that it references");
             }
           }
           expectEqual(closure.narHashes.size(), 32 * closure.size(), "bytes of hashes");
           expectEqual(closure.derivers.size(), closure.size(), "derivers");
         });
       }},
      {"a broken answer to a cancelled closure is a coded error",
       [&] {
         fuzz(infos, 4, [](Decoder& in) {
           auto call = callClosure(storeDir, {pathOf(1), pathOf(2), pathOf(3)});
           call->cancel();
           readAll(call, in);
         });
       }},
      {"a broken path info is a coded error",
       [&] { fuzz(infos, 5, [](Decoder& in) { readAll(call("pathInfo", {{pathOf(1)}}), in); }); }},
      {"a broken list of paths is a coded error",
       [&] { fuzz(paths, 6, [](Decoder& in) { readAll(call("allValidPaths", {}), in); }); }},
      {"a broken batch of path infos is a coded error",
       [&] { fuzz(batch, 7, [](Decoder& in) { readAll(callClosure(storeDir, {pathOf(1)}, true), in); }); }},
      {"a broken list of build results is a coded error",
       [&] {
         fuzz(results, 8, [](Decoder& in) {
           readAll(call("buildPathsWithResults", {{StringColumn{}}, {std::uint64_t{0}}}), in);
         });
       }},
      {"a broken NAR is a coded error, or ends where it says",
       [&] {
         fuzz(nar, 9, [](Decoder& in) {
           auto call = callNar(pathOf(1));
           for (int i = 0; i < 100; i++) call->want();
           readAll(call, in);
         });
       }},
  });
}
