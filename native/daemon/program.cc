#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <chrono>
#include <optional>
#include <string_view>
#include <thread>

#include "daemon/fd.h"
#include "daemon/transport.h"

namespace laminix::daemon {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/** How much of what a program says on its standard error is remembered, in bytes. */
constexpr std::size_t tailSize = 8 << 10;
/**
 * In bytes. The program may be one that hands everything on to a daemon's socket (nix-daemon --stdio does, up
 * to Nix 2.19, also behind ssh), and reads no answers while that socket is full. Requests have about 100
 * bytes, and Linux counts another 800 for each that comes alone: so many fit into a socket's 208 KiB.
 */
constexpr std::uint64_t programWindow = 16 << 10;
/** How long a program that ended its output may take to say why, and one that was told to end may take to do
 * so. */
constexpr auto grace = 300ms;

/** The path that execvp(3) would start; empty if there is none. */
std::string findProgram(const ProgramTarget& target) {
  if (target.program.find('/') != std::string::npos) return target.program;
  std::string_view search = "/usr/local/bin:/usr/bin:/bin";
  constexpr std::string_view variable = "PATH=";
  for (const std::string& entry : target.environment) {
    if (entry.starts_with(variable)) search = std::string_view(entry).substr(variable.size());
  }
  while (!target.program.empty()) {
    std::string_view folder = search.substr(0, search.find(':'));
    std::string file = (folder.empty() ? "." : std::string(folder)) + "/" + target.program;
    if (access(file.c_str(), X_OK) == 0) return file;
    if (folder.size() == search.size()) break;
    search.remove_prefix(folder.size() + 1);
  }
  return {};
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (std::string& string : strings) result.push_back(string.data());
  result.push_back(nullptr);
  return result;
}

class Program final : public Transport {
 public:
  explicit Program(const ProgramTarget& target) : name_(target.program) {
    Pipe input = makePipe(), output = makePipe(), errors = makePipe();
    std::string file = findProgram(target);
    int failure = file.empty() ? ENOENT : start(file, target, input, output, errors);
    if (failure != 0) throw noDaemon("the program " + name_ + " cannot be started", failure);
    input_ = std::move(input.writeEnd);
    output_ = std::move(output.readEnd);
    errors_ = std::move(errors.readEnd);
    for (const Fd* fd : {&input_, &output_, &errors_}) fd->setNonBlocking();
  }

  ~Program() override {
    input_.close();
    output_.close();
    errors_.close();
    if (reap(0ms)) return;
    kill(pid_, SIGTERM);
    if (reap(grace)) return;
    kill(pid_, SIGKILL);
    reap(std::nullopt);
  }

  int readFd() const override { return output_.get(); }
  int writeFd() const override { return input_.get(); }
  std::uint64_t window() const override { return programWindow; }
  int diagnosticFd() const override { return errors_.get(); }

  void readDiagnostics() override {
    char bytes[4096];
    ssize_t count = read(errors_.get(), bytes, sizeof bytes);
    if (count > 0) {
      tail_.append(bytes, static_cast<std::size_t>(count));
      if (tail_.size() > tailSize) tail_.erase(0, tail_.size() - tailSize);
    } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
      errors_.close();
    }
  }

  std::string explainEnd() override {
    auto deadline = Clock::now() + grace;
    while (errors_.get() >= 0) {
      auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
      pollfd item{errors_.get(), POLLIN, 0};
      if (left <= 0ms || poll(&item, 1, static_cast<int>(left.count())) <= 0) break;
      readDiagnostics();
    }
    std::string text = "the program " + name_;
    if (!reap(grace)) {
      text += " closed its output";
    } else if (status_ && WIFSIGNALED(*status_)) {
      text += " was ended by signal " + std::to_string(WTERMSIG(*status_));
    } else if (status_) {
      text += " ended with status " + std::to_string(WEXITSTATUS(*status_));
    } else {
      text += " ended";
    }
    std::string said = withoutEscapes(tail_);
    while (!said.empty() && said.back() == '\n') said.pop_back();
    return said.empty() ? text : text + ": " + said;
  }

 private:
  /** An error number, 0 if it runs. */
  int start(const std::string& file, const ProgramTarget& target, const Pipe& input, const Pipe& output,
            const Pipe& errors) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&actions, input.readEnd.get(), STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output.writeEnd.get(), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, errors.writeEnd.get(), STDERR_FILENO);
    // The thread that starts it blocks all signals, and Node ignores SIGPIPE: neither is for the program.
    sigset_t none, defaults;
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

    std::vector<std::string> args{target.program}, environment = target.environment;
    args.insert(args.end(), target.args.begin(), target.args.end());
    int failure = posix_spawn(&pid_, file.c_str(), &actions, &attributes, pointers(args).data(),
                              pointers(environment).data());
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failure;
  }

  /** Waits for the program's end, for ever if `patience` is nothing; false if it still runs then. */
  bool reap(std::optional<std::chrono::milliseconds> patience) {
    auto deadline = Clock::now() + patience.value_or(0ms);
    while (!reaped_) {
      int status = 0;
      pid_t result = waitpid(pid_, &status, patience ? WNOHANG : 0);
      if (result == pid_) {
        reaped_ = true;
        status_ = status;
      } else if (result < 0 && errno != EINTR) {
        // Somebody else reaps all children, or SIGCHLD is ignored.
        reaped_ = true;
      } else if (patience && Clock::now() >= deadline) {
        return false;
      } else if (patience) {
        std::this_thread::sleep_for(2ms);
      }
    }
    return true;
  }

  std::string name_;
  pid_t pid_ = -1;
  Fd input_, output_, errors_;
  std::string tail_;
  bool reaped_ = false;
  std::optional<int> status_;
};

}  // namespace

std::unique_ptr<Transport> openProgram(const ProgramTarget& target) {
  return std::make_unique<Program>(target);
}

}  // namespace laminix::daemon
