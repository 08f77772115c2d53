#include <fcntl.h>
#include <napi.h>

#include "addon/connection.h"

namespace laminix::addon {

/** One for every environment that loads the addon: worker threads have their own. */
class Module final : public Napi::Addon<Module> {
 public:
  Module(Napi::Env env, Napi::Object exports) : connection_(Napi::Persistent(Connection::define(env))) {
    DefineAddon(exports, {InstanceMethod<&Module::connect>("connect"),
                          InstanceMethod<&Module::widenPipe>("widenPipe")});
  }

 private:
  Napi::Value connect(const Napi::CallbackInfo& info) { return connection_.New({info[0], info[1]}); }

  /** As much room as a process may have that is not root's (pipe(7)). Where there is less, it stays as it is.
   */
  void widenPipe(const Napi::CallbackInfo& info) {
#ifdef F_SETPIPE_SZ
    fcntl(info[0].As<Napi::Number>().Int32Value(), F_SETPIPE_SZ, 1 << 20);
#endif
  }

  Napi::FunctionReference connection_;
};

}  // namespace laminix::addon

using LaminixAddon = laminix::addon::Module;
NODE_API_ADDON(LaminixAddon)
