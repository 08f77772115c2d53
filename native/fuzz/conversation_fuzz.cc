// A whole conversation with a daemon whose part is the fuzzer's: the greeting, then every call in turn until
// the bytes end. The first byte says how many bytes arrive at a time and which call is cancelled. The corpus
// holds conversations with real daemons, which test/support/recordCorpus.ts records by asking the same in the
// same order.

#include <cstdlib>
#include <functional>

#include "daemon/calls.h"
#include "daemon/handshake.h"
#include "daemon/messages.h"
#include "test/asking.h"
#include "test/script.h"

using namespace laminix::daemon;
namespace test = laminix::test;

namespace {

const std::string storeDir = "/nix/store";
const std::string root = storeDir + "/00000000000000000000000000000006-path";

StringColumn roots() {
  StringColumn column;
  column.push(root);
  return column;
}

std::shared_ptr<Call> nar() {
  std::shared_ptr<NarCall> call = callNar(root);
  for (int i = 0; i < 1000; i++) call->want();
  return call;
}

const std::function<std::shared_ptr<Call>()> calls[] = {
    [] { return test::call("isValidPath", {{root}}); },
    [] { return test::call("pathInfo", {{root}}); },
    [] { return test::call("allValidPaths", {}); },
    [] { return test::call("pathFromHashPart", {{"short"}}); },
    [] { return test::call("addTempRoot", {{root}}); },
    [] { return test::call("referrers", {{root}}); },
    [] { return test::call("validDerivers", {{root}}); },
    [] { return test::call("missing", {{roots()}}); },
    [] {
      return test::call("validPaths", {{roots()}, {false}});
    },
    [] {
      return test::call("buildPathsWithResults", {{roots()}, {std::uint64_t{0}}});
    },
    [] { return test::call("ensurePath", {{root}}); },
    nar,
    [] { return callClosure(storeDir, {root}); },
};

void require(bool holds) {
  if (!holds) std::abort();
}

/** What everything behind the client relies on. */
void check(const Closure& closure) {
  const std::size_t size = closure.size();
  require(closure.narHashes.size() == 32 * size);
  require(closure.narSizes.size() == size && closure.registrationTimes.size() == size);
  require(closure.ultimate.size() == size && closure.derivers.size() == size && closure.cas.size() == size);
  require(closure.referenceOffsets.size() == size + 1 && closure.signatureRows.size() == size + 1);
  require(closure.referenceOffsets.back() == closure.references.size());
  require(closure.signatureRows.back() == closure.signatures.size());
  for (std::size_t row = 0; row < size; row++) {
    require(closure.referenceOffsets[row] <= closure.referenceOffsets[row + 1]);
    require(closure.signatureRows[row] <= closure.signatureRows[row + 1]);
    for (auto k = closure.referenceOffsets[row]; k < closure.referenceOffsets[row + 1]; k++) {
      require(closure.references[k] <= row);
    }
  }
}

/** Reads one answer as a session does; says how many more there will be. */
std::size_t take(Call& call, Encoder& out, Decoder& in) {
  out.sent(out.pending().size());
  auto error = readMessages(in, [](Message) {});
  if (error) throw error->coded();
  return test::take(call, in, out);
}

/** An error in place of an answer, or of a whole call, leaves the next call its own answers. */
void takeAll(std::size_t open, Call& call, Encoder& out, Decoder& in) {
  bool failed = call.cancelled();
  for (; open > 0; open--) {
    try {
      open += take(call, out, in);
    } catch (const FatalError&) {
      throw;
    } catch (const CodedError&) {
      failed = true;
      call.cancel();
    }
    out.answered();
  }
  if (failed) return;
  Value value = call.result();
  if (auto* closure = std::get_if<Closure>(&value)) check(*closure);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const unsigned step = data[0] >> 4;
  const unsigned cancelled = data[0] & 15;
  std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  laminix::test::Script script(std::move(bytes), step == 0 ? SIZE_MAX : step);
  Decoder in(script);
  Encoder out;
  try {
    shakeHands(out, in);
    for (;;) {
      for (std::size_t i = 0; i < std::size(calls); i++) {
        auto call = calls[i]();
        const std::size_t answers = call->ask(out, test::minor);
        if (cancelled == i + 1) call->cancel();
        takeAll(answers, *call, out, in);
      }
    }
  } catch (const EndOfStream&) {
  } catch (const CodedError&) {
  }
  return 0;
}
