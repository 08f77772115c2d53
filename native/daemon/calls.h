#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "daemon/closure.h"
#include "daemon/error.h"
#include "daemon/operations.h"

namespace laminix::daemon {

/** What a call can result in; nothing (monostate) for those that are done for their effect. */
using Value = std::variant<std::monostate, bool, std::optional<std::string>, StringColumn,
                           std::optional<PathInfo>, Closure>;
using Outcome = std::variant<Value, CodedError>;

/**
 * One question of the caller, which may be many questions to the daemon. All but cancel() is for the
 * connection's thread.
 */
class Call {
 public:
  virtual ~Call() = default;

  /** Writes the first questions; says how many answers there will be. */
  virtual std::size_t ask(Encoder& out) = 0;
  /**
   * Reads one answer, may ask more, and says how many more answers there will be. An error other than a
   * ProtocolError means that the answer was read all the same.
   */
  virtual std::size_t take(Decoder& in, Encoder& out) = 0;
  /** When all answers were taken. */
  virtual Value result() = 0;

  /** From any thread: nobody wants the result any more. */
  void cancel() { cancelled_ = true; }
  bool cancelled() const { return cancelled_; }

 private:
  friend class Session;
  std::atomic<bool> cancelled_ = false;
  std::size_t unanswered_ = 0;
  /** The outcome was told. */
  bool settled_ = false;
};

std::shared_ptr<Call> callIsValidPath(std::string_view path);
std::shared_ptr<Call> callPathInfo(std::string_view path);
std::shared_ptr<Call> callAllValidPaths();
std::shared_ptr<Call> callPathFromHashPart(std::string_view hashPart);
std::shared_ptr<Call> callAddTempRoot(std::string_view path);
std::shared_ptr<Call> callClosure(std::string storeDir, std::vector<std::string> roots);

}  // namespace laminix::daemon
