#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace laminix::daemon {

/** A daemon that listens on a Unix socket. */
struct SocketTarget {
  std::string path;
};

/** A program that speaks the protocol on its standard input and output. */
struct ProgramTarget {
  /** Looked up in the environment's PATH if it has no slash. */
  std::string program;
  /** Without the program's own name. */
  std::vector<std::string> args;
  /** NAME=value. Taken when the connection is asked for: the process's own may be changing while its thread
   * runs. */
  std::vector<std::string> environment;
};

using Target = std::variant<SocketTarget, ProgramTarget>;

/** An open way to a daemon, with descriptors that do not block. */
class Transport {
 public:
  virtual ~Transport() = default;

  virtual int readFd() const = 0;
  virtual int writeFd() const = 0;
  /** How many bytes of requests may be unanswered. */
  virtual std::uint64_t window() const { return UINT32_MAX; }
  /** What is not part of the protocol but must be read all the same; -1 if there is nothing. */
  virtual int diagnosticFd() const { return -1; }
  /** Reads from diagnosticFd(), which poll(2) says is ready. */
  virtual void readDiagnostics() {}

  /** Why the stream ended, in a sentence. May wait for a moment. */
  virtual std::string explainEnd() = 0;
};

/** Waits for a moment; throws when there is nothing more to wait for. */
using Pause = std::function<void()>;

/** ERR_NO_DAEMON where nobody listens. */
std::unique_ptr<Transport> openSocket(const SocketTarget& target, const Pause& pause);

/** ERR_NO_DAEMON where there is no such program. */
std::unique_ptr<Transport> openProgram(const ProgramTarget& target);

}  // namespace laminix::daemon
