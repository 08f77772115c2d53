#pragma once

#include <cstdint>
#include <string_view>

#include "daemon/shape.h"

namespace laminix::daemon {

/** One of the daemon's operations: its number, and what its request and its answer look like. */
struct Operation {
  /** What follows the answer's own messages on the wire. */
  enum class Body {
    none,
    /** The request ends with a body in frames. */
    framed,
  };

  std::uint64_t number = 0;
  /** A record. */
  Shape request;
  Shape answer;
  Body body = Body::none;
  /** The first minor version of the protocol that has it. */
  std::uint64_t since = 0;
};

/** Nothing if there is none with this name. Names are those of src/store/native.ts. */
const Operation* findOperation(std::string_view name);

/** Numbers of those that are asked in ways of their own. */
namespace operation {
inline constexpr std::uint64_t queryPathInfo = 26;
inline constexpr std::uint64_t narFromPath = 38;
inline constexpr std::uint64_t queryPathInfos = 50;
}  // namespace operation

/** The feature that comes with queryPathInfos. */
inline constexpr std::string_view queryPathInfosFeature = "queryPathInfos";

}  // namespace laminix::daemon
