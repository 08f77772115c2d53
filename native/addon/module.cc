#include <napi.h>

#include "addon/connection.h"

namespace laminix::addon {

/** One for every environment that loads the addon: worker threads have their own. */
class Module final : public Napi::Addon<Module> {
 public:
  Module(Napi::Env env, Napi::Object exports) : connection_(Napi::Persistent(Connection::define(env))) {
    DefineAddon(exports, {InstanceMethod<&Module::connect>("connect")});
  }

 private:
  Napi::Value connect(const Napi::CallbackInfo& info) { return connection_.New({info[0], info[1]}); }

  Napi::FunctionReference connection_;
};

}  // namespace laminix::addon

using LaminixAddon = laminix::addon::Module;
NODE_API_ADDON(LaminixAddon)
