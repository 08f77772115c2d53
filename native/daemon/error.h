#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace laminix::daemon {

namespace code {
inline constexpr char noDaemon[] = "ERR_NO_DAEMON";
inline constexpr char protocol[] = "ERR_DAEMON_PROTOCOL";
inline constexpr char timeout[] = "ERR_DAEMON_TIMEOUT";
inline constexpr char disconnected[] = "ERR_DAEMON_DISCONNECTED";
inline constexpr char daemon[] = "ERR_DAEMON";
inline constexpr char pathNotValid[] = "ERR_PATH_NOT_VALID";
inline constexpr char unsupported[] = "ERR_UNSUPPORTED";
inline constexpr char cancelled[] = "ERR_CANCELLED";
}  // namespace code

/** A failure as JavaScript will see it: programs match on the code, people read the message. */
struct CodedError : std::runtime_error {
  CodedError(std::string code, const std::string& message)
      : std::runtime_error(message), code(std::move(code)) {}

  std::string code;
  /** The store path concerned. */
  std::optional<std::string> path;
  /** The name of the system's error number, "ENOENT"; empty where no system call failed. */
  std::string errnoName;
  /** The level that the daemon gave its own error: 0 is an error, 1 a warning, and so on. */
  std::optional<std::uint64_t> level;
  /** What the daemon was doing meanwhile, from the inside out. */
  std::vector<std::string> traces;
};

/** After this nothing on the connection can be understood any more. */
struct FatalError : CodedError {
  using CodedError::CodedError;
  explicit FatalError(CodedError error) : CodedError(std::move(error)) {}
};

/** The daemon said something that the protocol does not allow. */
struct ProtocolError : FatalError {
  explicit ProtocolError(const std::string& message) : FatalError(code::protocol, message) {}
};

/** The daemon's stream ended where more had to come. Whoever knows the transport says why. */
struct EndOfStream : std::runtime_error {
  EndOfStream() : std::runtime_error("the daemon's stream ended") {}
};

/** ERR_NO_DAEMON for a failed system call. */
CodedError noDaemon(const std::string& what, int errorNumber);

/** "ENOENT" for the error numbers that connecting and starting programs give, "errno 123" for the others. */
std::string errnoName(int errorNumber);

/** Without terminal escape sequences: colours (CSI) and hyperlinks (OSC). */
std::string withoutEscapes(const std::string& text);

}  // namespace laminix::daemon
