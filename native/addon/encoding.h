#pragma once

#include <napi.h>

#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "encode/pool.h"

namespace laminix::addon {

/**
 * The threads of an environment that encode, and the promises of what they make. The event loop is kept alive
 * while one of these is not settled. All but the Listener's part is for JavaScript's thread.
 */
class Encoding final : private encode::Listener {
 public:
  static std::shared_ptr<Encoding> open(Napi::Env env);

  /** `{ promise, cancel }`; called with the options, the memory and the length of the chunk in it. */
  static Napi::Value encode(const std::shared_ptr<Encoding>& encoding, const Napi::CallbackInfo& info);

 private:
  struct Done {
    std::shared_ptr<encode::Job> job;
    encode::Outcome outcome;
  };
  struct Pending {
    Napi::Promise::Deferred deferred;
    /** What the job's memory is in. */
    Napi::ObjectReference memory;
  };

  using Context = std::shared_ptr<Encoding>;
  static void drain(Napi::Env env, Napi::Function, Context* context, void*);
  using Bell = Napi::TypedThreadSafeFunction<Context, void, drain>;

  Encoding() : pool_(*this) {}
  static void tearDown(void* encoding);

  void done(const std::shared_ptr<encode::Job>& job, encode::Outcome outcome) override;
  void settle(Napi::Env env, Done done);
  void cancel(Napi::Env env, const std::shared_ptr<encode::Job>& job);
  void forget(Napi::Env env, const encode::Job* job);

  std::unordered_map<const encode::Job*, Pending> pending_;
  Bell bell_;

  std::mutex mutex_;
  std::vector<Done> done_;

  /** Last: its threads use what is above. */
  encode::Pool pool_;
};

}  // namespace laminix::addon
