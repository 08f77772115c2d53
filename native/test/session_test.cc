// Threads and descriptors: a session against programs of the system, so that sanitizers see both.

#include "daemon/session.h"

#include <condition_variable>

#include "asking.h"
#include "check.h"
#include "graph.h"

using namespace laminix::daemon;
using namespace laminix::test;

namespace {

/** Collects what a session tells. */
class Log final : public Listener {
 public:
  void greeted(Handshake) override { note("greeted"); }
  void told(const std::shared_ptr<Call>&, Event) override {}
  void settled(const std::shared_ptr<Call>&, Outcome outcome) override {
    auto* error = std::get_if<CodedError>(&outcome);
    note(error ? error->code : "value");
  }
  void ended(CodedError reason) override {
    message = reason.what();
    note("ended " + reason.code);
  }

  /** Waits until as many things happened. */
  std::string first(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return notes_.size() >= count; });
    std::string text;
    for (const std::string& note : notes_) text += (text.empty() ? "" : ", ") + note;
    return text;
  }

  std::string message;

 private:
  void note(std::string text) {
    std::lock_guard lock(mutex_);
    notes_.push_back(std::move(text));
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> notes_;
};

/** The shell command that writes these bytes. */
std::string write(const Encoder& bytes) {
  std::string text;
  for (unsigned char byte : bytes.pending()) {
    char octal[8];
    std::snprintf(octal, sizeof octal, "\\%03o", byte);
    text += octal;
  }
  return "printf '" + text + "'; ";
}

ProgramTarget shell(const std::string& script) {
  return {"sh", {"-c", script}, {"PATH=/usr/local/bin:/usr/bin:/bin"}};
}

Encoder greeting() {
  Encoder out;
  out.number(0x6478696f).number(0x122).string("2.8").number(last).number(last);
  return out;
}

/** Magic and version, two zeros, SetOptions. */
constexpr std::size_t greetingSize = 16 + 16 + 8 * 14;

constexpr auto patience = std::chrono::seconds(60);

}  // namespace

int main() {
  return run({
      {"a program that answers is a daemon",
       [] {
         Encoder answer;
         answer.number(last).number(1);
         std::string request =
             "dd bs=1 count=" + std::to_string(greetingSize + 64) + " of=/dev/null 2>/dev/null; ";
         Log log;
         Session session(shell(write(greeting()) + request + write(answer) + "cat > /dev/null"), patience,
                         log);
         session.submit(callIsValidPath());
         expectEqual(log.first(2), "greeted, value", "what happened");
         session.close();
         expectEqual(log.first(3), "greeted, value, ended ERR_DAEMON_DISCONNECTED", "what happened");
         check(session.submit(callIsValidPath()).has_value(), "a call after the end is refused");
       }},
      {"a program that ends says why",
       [] {
         Log log;
         Session session(shell("echo no such store >&2; exit 3"), patience, log);
         expectEqual(log.first(1), "ended ERR_DAEMON_DISCONNECTED", "what happened");
         session.join();
         expectEqual(log.message, "the program sh ended with status 3: no such store", "message");
       }},
      {"a program that is not there is no daemon",
       [] {
         for (const char* name : {"no-such-program-here", "/no/such/program", ""}) {
           Log log;
           Session session(ProgramTarget{name, {}, {}}, patience, log);
           expectEqual(log.first(1), "ended ERR_NO_DAEMON", "what happened");
         }
       }},
      {"a socket that is not there is no daemon",
       [] {
         for (const std::string& path :
              {std::string("/no/such/socket"), std::string("/"), std::string(200, 'x')}) {
           Log log;
           Session session(SocketTarget{path}, patience, log);
           session.submit(call("allValidPaths", {}));
           check(log.first(1).find("ERR_NO_DAEMON") != std::string::npos, "what happened");
         }
       }},
      {"a program that hangs in the greeting is given up",
       [] {
         Log log;
         Session session(shell("cat > /dev/null"), std::chrono::milliseconds(50), log);
         expectEqual(log.first(1), "ended ERR_DAEMON_TIMEOUT", "what happened");
       }},
      {"a program that ignores its end is killed",
       [] {
         Log log;
         Session session(shell(write(greeting()) + "trap '' TERM; while :; do sleep 1; done"), patience, log);
         expectEqual(log.first(1), "greeted", "what happened");
         session.close();
         session.join();
       }},
      {"calls are submitted from other threads than the one that closes",
       [] {
         Log log;
         Session session(shell(write(greeting()) + "cat > /dev/null"), patience, log);
         log.first(1);
         std::vector<std::thread> threads;
         for (int i = 0; i < 4; i++) {
           threads.emplace_back([&] {
             for (int k = 0; k < 200; k++) session.submit(callIsValidPath());
           });
         }
         for (auto& thread : threads) thread.join();
         session.close();
         session.join();
         check(log.first(802).find("value") == std::string::npos, "no call has a value");
       }},
      {"closing in every moment of the greeting is safe",
       [] {
         for (int i = 0; i < 20; i++) {
           Log log;
           Session session(shell(write(greeting()) + "cat > /dev/null"), patience, log);
           session.submit(call("allValidPaths", {}));
           std::this_thread::sleep_for(std::chrono::microseconds(i * 300));
         }
       }},
  });
}
