#include <fcntl.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <napi.h>

#include "addon/connection.h"
#include "addon/passing.h"

#ifdef LAMINIX_ENCODERS
#include <libdeflate.h>
#include <zstd.h>

#include "addon/encoding.h"
#endif

namespace laminix::addon {

/** One for every environment that loads the addon: worker threads have their own. */
class Module final : public Napi::Addon<Module> {
 public:
  Module(Napi::Env env, Napi::Object exports) : connection_(Napi::Persistent(Connection::define(env))) {
    DefineAddon(exports,
                {InstanceMethod<&Module::connect>("connect"), InstanceMethod<&Module::passFile>("passFile"),
                 InstanceMethod<&Module::widenPipe>("widenPipe"),
                 InstanceMethod<&Module::returnFreedMemory>("returnFreedMemory")});
#ifdef LAMINIX_ENCODERS
    Napi::Object versions = Napi::Object::New(env);
    versions.Set("libdeflate", LIBDEFLATE_VERSION_STRING);
    versions.Set("zstd", ZSTD_versionString());
    DefineAddon(exports, {InstanceMethod<&Module::encode>("encode"), InstanceValue("encoders", versions)});
#endif
  }

 private:
  Napi::Value connect(const Napi::CallbackInfo& info) { return connection_.New({info[0], info[1]}); }

  Napi::Value passFile(const Napi::CallbackInfo& info) { return addon::passFile(info); }

  /** As much room as anyone may have (pipe(7)). Where that fails, it stays as it is. */
  void widenPipe(const Napi::CallbackInfo& info) {
#ifdef F_SETPIPE_SZ
    fcntl(info[0].As<Napi::Number>().Int32Value(), F_SETPIPE_SZ, 1 << 20);
#endif
  }

  /**
   * From now on, large blocks go back to the system when they are freed (mallopt(3)). glibc would raise the
   * size from which they do with the blocks that it sees, up to 32 MiB. It is so for the whole process, thus
   * for programs to decide.
   */
  void returnFreedMemory(const Napi::CallbackInfo&) {
#ifdef M_MMAP_THRESHOLD
    mallopt(M_MMAP_THRESHOLD, 128 << 10);
    mallopt(M_TRIM_THRESHOLD, 128 << 10);
#endif
  }

  Napi::FunctionReference connection_;

#ifdef LAMINIX_ENCODERS
  Napi::Value encode(const Napi::CallbackInfo& info) {
    if (!encoding_) encoding_ = Encoding::open(info.Env());
    return Encoding::encode(encoding_, info);
  }

  std::shared_ptr<Encoding> encoding_;
#endif
};

}  // namespace laminix::addon

using LaminixAddon = laminix::addon::Module;
NODE_API_ADDON(LaminixAddon)
