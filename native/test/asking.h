#pragma once

#include <functional>
#include <memory>
#include <string>

#include "daemon/calls.h"
#include "graph.h"

namespace laminix::test {

inline constexpr std::uint64_t minor = 37;

/** One of the daemon's operations with these arguments. */
inline std::shared_ptr<daemon::Call> call(const char* operation, daemon::Item::Parts arguments) {
  return daemon::callOperation({*daemon::findOperation(operation), {std::move(arguments)}});
}

inline std::shared_ptr<daemon::Call> callIsValidPath() { return call("isValidPath", {{pathOf(1)}}); }

/** What a call hears and streams while it has the turn. */
struct Heard {
  std::string chunks;
  std::size_t messages = 0;
};

inline std::size_t take(daemon::Call& call, daemon::Decoder& in, daemon::Encoder& out,
                        Heard* heard = nullptr) {
  const std::function<void()> rest = [] { throw std::logic_error("nobody would wake it"); };
  const std::function<void(daemon::Event)> tell = [&](daemon::Event event) {
    auto* chunk = std::get_if<daemon::Chunk>(&event);
    if (heard && chunk) heard->chunks += chunk->bytes;
    if (heard && !chunk) heard->messages++;
  };
  daemon::Turn turn{in, out, minor, rest, tell};
  return call.take(turn);
}

}  // namespace laminix::test
