#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "daemon/error.h"
#include "daemon/wire.h"

namespace laminix::daemon {

/** What a daemon sends in place of an answer. */
struct DaemonError {
  std::uint64_t level = 0;
  std::string message;

  bool operator==(const DaemonError&) const = default;
  /** ERR_DAEMON, in words for a person: without colours and without the leading "error:". */
  CodedError coded() const;
};

/**
 * Reads the messages that come before every answer (log lines, activities), and drops them. Nothing if the
 * answer follows; the error if there will be none.
 */
std::optional<DaemonError> readMessages(Decoder& in);

}  // namespace laminix::daemon
