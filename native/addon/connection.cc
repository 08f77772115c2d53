#include "addon/connection.h"

#include <cmath>

#include "addon/convert.h"
#include "daemon/calls.h"

namespace laminix::addon {

namespace {

/**
 * Where the object keeps its callback. A reference from here would keep alive whatever the callback knows,
 * most likely the object itself.
 */
constexpr char onClose[] = "onClose";

std::optional<std::chrono::milliseconds> toPatience(const Napi::Value& value) {
  double milliseconds = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : std::nan("");
  if (!(milliseconds >= 0)) {
    throw Napi::TypeError::New(value.Env(), "options.handshakeTimeout must be a number of milliseconds");
  }
  constexpr double longest = 1e12;
  if (milliseconds > longest) return std::nullopt;
  return std::chrono::milliseconds(static_cast<std::int64_t>(std::ceil(milliseconds)));
}

}  // namespace

Napi::Function Connection::define(Napi::Env env) {
  return DefineClass(env, "NativeConnection",
                     {
                         InstanceMethod<&Connection::ask>("ask"),
                         InstanceMethod<&Connection::closure>("closure"),
                         InstanceMethod<&Connection::nar>("nar"),
                         InstanceMethod<&Connection::frame>("frame"),
                         InstanceMethod<&Connection::breakBody>("breakBody"),
                         InstanceMethod<&Connection::close>("close"),
                     });
}

Connection::Connection(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Connection>(info) {
  daemon::Target target = toTarget(info[0]);
  if (!info[1].IsObject()) throw Napi::TypeError::New(info.Env(), "options must be an object");
  Napi::Object options = info[1].As<Napi::Object>();
  auto patience = toPatience(options.Get("handshakeTimeout"));
  Napi::Value callback = options.Get("onClose");
  if (!callback.IsFunction() && !callback.IsUndefined()) {
    throw Napi::TypeError::New(info.Env(), "options.onClose must be a function");
  }

  link_ = Link::open(info.Env(), std::move(target), patience, *this);
  Napi::Object self = info.This().As<Napi::Object>();
  self.DefineProperties({
      Napi::PropertyDescriptor::Value("ready", link_->ready(), napi_enumerable),
      Napi::PropertyDescriptor::Value(onClose, callback, napi_default),
  });
}

Connection::~Connection() {
  if (link_) link_->disown();
}

Napi::Value Connection::ask(const Napi::CallbackInfo& info) {
  std::string name = toString(info[0], "operation");
  const daemon::Operation* operation = daemon::findOperation(name);
  if (operation == nullptr) throw Napi::TypeError::New(info.Env(), "there is no operation " + name);
  bool hears = info[2].IsFunction();
  daemon::Item arguments = toItem(info[1], operation->request, name);
  return link_->submit(info.Env(), daemon::callOperation({*operation, std::move(arguments), hears}), info[2]);
}

Napi::Value Connection::closure(const Napi::CallbackInfo& info) {
  return link_->submit(info.Env(), daemon::callClosure(toString(info[0], "storeDir"),
                                                       toStrings(info[1], "roots"), info[2].ToBoolean()));
}

Napi::Value Connection::nar(const Napi::CallbackInfo& info) {
  if (!info[1].IsFunction()) throw Napi::TypeError::New(info.Env(), "onChunk must be a function");
  std::shared_ptr<daemon::NarCall> call = daemon::callNar(toString(info[0], "path"));
  Napi::Object result = link_->submit(info.Env(), call, info[1]);
  auto want = [link = std::weak_ptr(link_), call](const Napi::CallbackInfo&) {
    call->want();
    if (auto open = link.lock()) open->wake();
  };
  result.Set("want", Napi::Function::New(info.Env(), want, "want"));
  return result;
}

Napi::Value Connection::frame(const Napi::CallbackInfo& info) {
  if (!info[0].IsTypedArray()) throw Napi::TypeError::New(info.Env(), "bytes must be a Uint8Array");
  auto bytes = info[0].As<Napi::Uint8Array>();
  return link_->submit(info.Env(),
                       daemon::callFrame({reinterpret_cast<const char*>(bytes.Data()), bytes.ByteLength()}));
}

Napi::Value Connection::breakBody(const Napi::CallbackInfo& info) {
  return link_->submit(info.Env(), daemon::callBrokenFrame());
}

void Connection::close(const Napi::CallbackInfo&) { link_->close(); }

void Connection::lost(Napi::Env env) {
  Napi::HandleScope scope(env);
  Napi::Object self = Value();
  // Unreachable, and not collected yet.
  if (self.IsEmpty()) return;
  Napi::Value callback = self.Get(onClose);
  if (!callback.IsFunction()) return;
  try {
    callback.As<Napi::Function>().Call(self, {});
  } catch (const Napi::Error& error) {
    // Thrown from here, Node would only warn of it.
    napi_fatal_exception(env, error.Value());
  }
}

}  // namespace laminix::addon
