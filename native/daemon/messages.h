#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "daemon/error.h"
#include "daemon/wire.h"

namespace laminix::daemon {

/** What a daemon sends in place of an answer. */
struct DaemonError {
  std::uint64_t level = 0;
  std::string message;
  /** Outermost last, in words for a person. */
  std::vector<std::string> traces;

  bool operator==(const DaemonError&) const = default;
  /** ERR_DAEMON, in words for a person: without colours and without the leading "error:". */
  CodedError coded() const;
};

using Field = std::variant<std::uint64_t, std::string>;

/** A line of the daemon's own log. */
struct LogLine {
  std::string text;
};
/** The daemon begins to do something; src/store/events.ts knows the types. */
struct ActivityStart {
  std::uint64_t id = 0;
  std::uint64_t level = 0;
  std::uint64_t type = 0;
  std::string text;
  std::vector<Field> fields;
  /** 0 for none. */
  std::uint64_t parent = 0;
};
struct ActivityStop {
  std::uint64_t id = 0;
};
/** Something about an activity: a line of a build's log, how far it has come. */
struct ActivityResult {
  std::uint64_t id = 0;
  std::uint64_t type = 0;
  std::vector<Field> fields;
};
/** What a daemon says of its work before it answers. */
using Message = std::variant<LogLine, ActivityStart, ActivityStop, ActivityResult>;

/** Told every message; nobody, if empty. */
using Hear = std::function<void(Message)>;

/**
 * Reads the messages that come before every answer (log lines, activities). Nothing if the answer follows;
 * the error if there will be none.
 */
std::optional<DaemonError> readMessages(Decoder& in, const Hear& hear = nullptr);

/** Of an error that stands where something else was expected; its kind has been read. */
DaemonError readError(Decoder& in);
/** The kind of message that an error is. */
inline constexpr std::uint64_t errorMessage = 0x63787470;

}  // namespace laminix::daemon
