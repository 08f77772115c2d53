#pragma once

#include <napi.h>

#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "daemon/session.h"

namespace laminix::addon {

/**
 * Joins a connection's thread to its JavaScript side: outcomes go through a queue, and settle promises on the
 * environment's own thread. While there is an unsettled promise, the event loop and the JavaScript object are
 * kept alive. All but the Listener's part is for JavaScript's thread.
 */
class Link final : public std::enable_shared_from_this<Link>, private daemon::Listener {
 public:
  /** What a link needs of the JavaScript object. */
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void keepAlive() = 0;
    virtual void letGo() = 0;
    /** The connection ended by itself. */
    virtual void lost(Napi::Env env) = 0;
  };

  /** Starts the thread. A Napi::Error where there cannot be one more. */
  static std::shared_ptr<Link> open(Napi::Env env, daemon::Target target,
                                    std::optional<std::chrono::milliseconds> patience, Owner& owner);

  Napi::Promise ready() const { return ready_.Promise(); }
  /**
   * `{ promise, cancel }`
   * @param onEvent a function that is told what happens meanwhile, if it is one
   */
  Napi::Object submit(Napi::Env env, std::shared_ptr<daemon::Call> call, Napi::Value onEvent = {});
  void wake() { session_->wake(); }
  void close();
  /** The owner is being collected: ends the connection. */
  void disown();

 private:
  struct Greeted {
    daemon::Handshake handshake;
  };
  struct Settled {
    std::shared_ptr<daemon::Call> call;
    daemon::Outcome outcome;
  };
  struct Told {
    std::shared_ptr<daemon::Call> call;
    daemon::Event event;
  };
  using Event = std::variant<Greeted, Told, Settled>;
  struct Pending {
    Napi::Promise::Deferred deferred;
    /** Empty where nobody listens. */
    Napi::FunctionReference onEvent;
  };

  using Context = std::shared_ptr<Link>;
  static void drain(Napi::Env env, Napi::Function, Context* context, void*);
  using Bell = Napi::TypedThreadSafeFunction<Context, void, drain>;

  Link(Napi::Env env, Owner& owner);
  static void tearDown(void* link);

  // On the connection's thread.
  void greeted(daemon::Handshake handshake) override;
  void told(const std::shared_ptr<daemon::Call>& call, daemon::Event event) override;
  void settled(const std::shared_ptr<daemon::Call>& call, daemon::Outcome outcome) override;
  void ended(daemon::CodedError reason) override;
  void push(Event event);
  void ring();

  void deliver(Napi::Env env, Event event);
  void tell(Napi::Env env, Told told);
  void finish(Napi::Env env, const daemon::CodedError& reason);
  void cancel(Napi::Env env, const std::shared_ptr<daemon::Call>& call);
  bool isWaitedFor() const { return readyPending_ || !pending_.empty(); }
  void updateHold(Napi::Env env);

  /** Nothing once the JavaScript object is collected. */
  Owner* owner_;
  Napi::Promise::Deferred ready_;
  bool readyPending_ = true;
  bool wasGreeted_ = false;
  bool closed_ = false;
  bool finished_ = false;
  bool held_ = false;
  std::unordered_map<const daemon::Call*, Pending> pending_;
  Bell bell_;

  std::mutex mutex_;
  std::vector<Event> events_;
  std::optional<daemon::CodedError> end_;
  /** The bell was rung and nobody has come yet. */
  bool rung_ = false;

  /** Last: its thread uses what is above. */
  std::unique_ptr<daemon::Session> session_;
};

}  // namespace laminix::addon
