#include "addon/link.h"

#include <system_error>

#include "addon/convert.h"

namespace laminix::addon {

std::shared_ptr<Link> Link::open(Napi::Env env, daemon::Target target,
                                 std::optional<std::chrono::milliseconds> patience, Owner& owner) {
  std::shared_ptr<Link> link(new Link(env, owner));
  auto forget = [](Napi::Env, void*, Context* context) { delete context; };
  link->bell_ = Bell::New(env, "laminix", 0, 1, new Context(link), forget, static_cast<void*>(nullptr));
  daemon::Listener& listener = *link;
  try {
    link->session_ = std::make_unique<daemon::Session>(std::move(target), patience, listener);
  } catch (const std::system_error& error) {
    link->bell_.Release();
    throw Napi::Error(env,
                      toJs(env, daemon::noDaemon("a thread could not be started", error.code().value())));
  } catch (const daemon::CodedError& error) {
    link->bell_.Release();
    throw Napi::Error(env, toJs(env, error));
  }
  // Hooks run last in, first out: the thread is gone before Node takes the bell away.
  napi_add_env_cleanup_hook(env, tearDown, link.get());
  link->updateHold(env);
  return link;
}

Link::Link(Napi::Env env, Owner& owner) : owner_(&owner), ready_(Napi::Promise::Deferred::New(env)) {}

/** The environment ends before the connection did. No JavaScript runs any more. */
void Link::tearDown(void* link) {
  auto* self = static_cast<Link*>(link);
  self->session_->close();
  self->session_->join();
  self->pending_.clear();  // while references can still be given back
}

Napi::Object Link::submit(Napi::Env env, std::shared_ptr<daemon::Call> call, Napi::Value onEvent) {
  Napi::Promise::Deferred deferred = Napi::Promise::Deferred::New(env);
  if (auto refusal = session_->submit(call)) {
    deferred.Reject(toJs(env, *refusal));
  } else {
    Pending pending{deferred, {}};
    if (!onEvent.IsEmpty() && onEvent.IsFunction())
      pending.onEvent = Napi::Persistent(onEvent.As<Napi::Function>());
    pending_.emplace(call.get(), std::move(pending));
    updateHold(env);
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("promise", deferred.Promise());
  auto cancel = [link = weak_from_this(), call = std::move(call)](const Napi::CallbackInfo& info) {
    if (auto self = link.lock()) self->cancel(info.Env(), call);
  };
  result.Set("cancel", Napi::Function::New(env, cancel, "cancel"));
  return result;
}

void Link::close() {
  closed_ = true;
  session_->close();
}

void Link::disown() {
  owner_ = nullptr;
  close();
}

void Link::cancel(Napi::Env env, const std::shared_ptr<daemon::Call>& call) {
  call->cancel();
  auto found = pending_.find(call.get());
  if (found == pending_.end()) return;
  Napi::Promise::Deferred deferred = found->second.deferred;
  pending_.erase(found);
  updateHold(env);
  deferred.Reject(toJs(env, daemon::CodedError(daemon::code::cancelled, "the call was cancelled")));
}

void Link::greeted(daemon::Handshake handshake) { push(Greeted{std::move(handshake)}); }

void Link::told(const std::shared_ptr<daemon::Call>& call, daemon::Event event) {
  push(Told{call, std::move(event)});
}

void Link::settled(const std::shared_ptr<daemon::Call>& call, daemon::Outcome outcome) {
  push(Settled{call, std::move(outcome)});
}

void Link::push(Event event) {
  std::lock_guard lock(mutex_);
  events_.push_back(std::move(event));
  ring();
}

void Link::ended(daemon::CodedError reason) {
  std::lock_guard lock(mutex_);
  end_ = std::move(reason);
  ring();
}

/** With the mutex held. Refused only by an environment that is about to join this thread. */
void Link::ring() {
  if (!rung_) rung_ = bell_.NonBlockingCall() == napi_ok;
}

/** On JavaScript's thread. Without an environment if that is ending. */
void Link::drain(Napi::Env env, Napi::Function, Context* context, void*) {
  if (env == nullptr) return;
  // Callbacks may close the connection; this keeps the link whatever they do.
  std::shared_ptr<Link> self = *context;
  std::vector<Event> events;
  std::optional<daemon::CodedError> end;
  {
    std::lock_guard lock(self->mutex_);
    self->rung_ = false;
    events.swap(self->events_);
    // In a turn of its own: whoever awaits these events hears of them before the end.
    if (events.empty()) {
      end = std::move(self->end_);
    } else if (self->end_) {
      self->ring();
    }
  }
  for (Event& event : events) {
    Napi::HandleScope scope(env);
    self->deliver(env, std::move(event));
  }
  self->updateHold(env);
  if (end) self->finish(env, *end);
}

void Link::deliver(Napi::Env env, Event event) {
  if (auto* greeted = std::get_if<Greeted>(&event)) {
    readyPending_ = false;
    wasGreeted_ = true;
    ready_.Resolve(toJs(env, greeted->handshake));
    return;
  }
  if (auto* told = std::get_if<Told>(&event)) return tell(env, std::move(*told));
  auto& settled = std::get<Settled>(event);
  auto found = pending_.find(settled.call.get());
  if (found == pending_.end()) return;
  Napi::Promise::Deferred deferred = found->second.deferred;
  pending_.erase(found);
  if (auto* error = std::get_if<daemon::CodedError>(&settled.outcome)) {
    deferred.Reject(toJs(env, *error));
  } else {
    try {
      deferred.Resolve(toJs(env, std::get<daemon::Value>(settled.outcome)));
    } catch (const Napi::Error& tooLarge) {
      deferred.Reject(tooLarge.Value());
    }
  }
}

void Link::tell(Napi::Env env, Told told) {
  auto found = pending_.find(told.call.get());
  if (found == pending_.end() || found->second.onEvent.IsEmpty()) return;
  Napi::Function listener = found->second.onEvent.Value();
  try {
    listener.Call({toJs(env, std::move(told.event))});
  } catch (const Napi::Error& error) {
    // Thrown from here, Node would only warn of it.
    napi_fatal_exception(env, error.Value());
  }
}

/** Nothing comes from the thread any more. */
void Link::finish(Napi::Env env, const daemon::CodedError& reason) {
  if (finished_) return;
  finished_ = true;
  session_->join();
  napi_remove_env_cleanup_hook(env, tearDown, this);
  Napi::HandleScope scope(env);
  if (std::exchange(readyPending_, false)) ready_.Reject(toJs(env, reason));
  auto pending = std::exchange(pending_, {});
  for (auto& [call, each] : pending) each.deferred.Reject(toJs(env, reason));
  bool tell = wasGreeted_ && !closed_ && owner_ != nullptr;
  updateHold(env);
  bell_.Release();
  if (tell) owner_->lost(env);
}

void Link::updateHold(Napi::Env env) {
  bool wanted = isWaitedFor();
  if (wanted == held_) return;
  held_ = wanted;
  if (wanted) {
    bell_.Ref(env);
    if (owner_) owner_->keepAlive();
  } else {
    bell_.Unref(env);
    if (owner_) owner_->letGo();
  }
}

}  // namespace laminix::addon
