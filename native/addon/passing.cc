#include "addon/passing.h"

#include <fcntl.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>

namespace laminix::addon {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds patience{100};
/** To wait in another thread costs more than the time that a pipe usually takes. */
constexpr std::chrono::milliseconds patienceHere{5};
/** Bytes of one call, as many as a pipe may hold. */
constexpr std::int64_t mostAtOnce = 1 << 20;

class Passing {
 public:
  Passing(int from, int to, std::int64_t length) : from_(from), to_(to), left_(length) {}

  /** Whether there is no more to be done: all has gone, or no more can. */
  bool passWhatFits() {
    while (left_ > 0) {
#ifdef SPLICE_F_NONBLOCK
      auto count = static_cast<std::size_t>(std::min(left_, mostAtOnce));
      ssize_t gone = splice(from_, nullptr, to_, nullptr, count, SPLICE_F_NONBLOCK);
#else
      ssize_t gone = 0;
#endif
      if (gone < 0 && errno == EINTR) continue;
      if (gone < 0 && errno == EAGAIN) return false;
      if (gone <= 0) return true;
      left_ -= gone;
      gone_ += gone;
    }
    return true;
  }

  /** Whether there is no more to be done. */
  bool passFor(std::chrono::milliseconds time) {
    const auto end = Clock::now() + time;
    for (auto rest = time; rest.count() > 0;) {
      pollfd room{to_, POLLOUT, 0};
      poll(&room, 1, static_cast<int>(rest.count()));
      if (passWhatFits()) return true;
      rest = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
    }
    isWaiting_ = true;
    return false;
  }

  double result() const { return static_cast<double>(gone_ > 0 || isWaiting_ ? gone_ : -1); }

 private:
  int from_;
  int to_;
  std::int64_t left_;
  std::int64_t gone_ = 0;
  bool isWaiting_ = false;
};

/** Waits in a thread of Node's. */
class Waiting final : public Napi::AsyncWorker {
 public:
  Waiting(Napi::Env env, Passing passing)
      : AsyncWorker(env, "laminix passing"),
        passing_(passing),
        deferred_(Napi::Promise::Deferred::New(env)) {}

  Napi::Promise promise() const { return deferred_.Promise(); }

 private:
  void Execute() override { passing_.passFor(patience); }
  void OnOK() override { deferred_.Resolve(Napi::Number::New(Env(), passing_.result())); }

  Passing passing_;
  Napi::Promise::Deferred deferred_;
};

}  // namespace

Napi::Value passFile(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!info[0].IsNumber() || !info[1].IsNumber() || !info[2].IsNumber())
    throw Napi::TypeError::New(env, "two file descriptors and a length must be given");
  Passing passing(info[0].As<Napi::Number>().Int32Value(), info[1].As<Napi::Number>().Int32Value(),
                  info[2].As<Napi::Number>().Int64Value());
  if (passing.passWhatFits() || passing.passFor(patienceHere)) {
    auto deferred = Napi::Promise::Deferred::New(env);
    deferred.Resolve(Napi::Number::New(env, passing.result()));
    return deferred.Promise();
  }
  auto* waiting = new Waiting(env, passing);
  waiting->Queue();
  return waiting->promise();
}

}  // namespace laminix::addon
