#pragma once

#include <napi.h>

#include <memory>

#include "addon/link.h"

namespace laminix::addon {

/** The JavaScript object of a connection: `NativeConnection` in src/store/native.ts. */
class Connection final : public Napi::ObjectWrap<Connection>, private Link::Owner {
 public:
  /** The class; called with a target and options. */
  static Napi::Function define(Napi::Env env);

  explicit Connection(const Napi::CallbackInfo& info);
  /** Collected, or its environment ends. */
  ~Connection() override;

 private:
  Napi::Value ask(const Napi::CallbackInfo& info);
  Napi::Value closure(const Napi::CallbackInfo& info);
  Napi::Value nar(const Napi::CallbackInfo& info);
  Napi::Value frame(const Napi::CallbackInfo& info);
  Napi::Value breakBody(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);

  void keepAlive() override { Ref(); }
  void letGo() override { Unref(); }
  void lost(Napi::Env env) override;

  std::shared_ptr<Link> link_;
};

}  // namespace laminix::addon
