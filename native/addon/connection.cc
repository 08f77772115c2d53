#include "addon/connection.h"

#include <cmath>

#include "addon/convert.h"

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
                         InstanceMethod<&Connection::isValidPath>("isValidPath"),
                         InstanceMethod<&Connection::pathInfo>("pathInfo"),
                         InstanceMethod<&Connection::allValidPaths>("allValidPaths"),
                         InstanceMethod<&Connection::pathFromHashPart>("pathFromHashPart"),
                         InstanceMethod<&Connection::addTempRoot>("addTempRoot"),
                         InstanceMethod<&Connection::closure>("closure"),
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

Napi::Value Connection::isValidPath(const Napi::CallbackInfo& info) {
  return link_->submit(info.Env(), daemon::callIsValidPath(toString(info[0], "path")));
}

Napi::Value Connection::pathInfo(const Napi::CallbackInfo& info) {
  return link_->submit(info.Env(), daemon::callPathInfo(toString(info[0], "path")));
}

Napi::Value Connection::allValidPaths(const Napi::CallbackInfo& info) {
  return link_->submit(info.Env(), daemon::callAllValidPaths());
}

Napi::Value Connection::pathFromHashPart(const Napi::CallbackInfo& info) {
  return link_->submit(info.Env(), daemon::callPathFromHashPart(toString(info[0], "hashPart")));
}

Napi::Value Connection::addTempRoot(const Napi::CallbackInfo& info) {
  return link_->submit(info.Env(), daemon::callAddTempRoot(toString(info[0], "path")));
}

Napi::Value Connection::closure(const Napi::CallbackInfo& info) {
  return link_->submit(info.Env(),
                       daemon::callClosure(toString(info[0], "storeDir"), toStrings(info[1], "roots")));
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
