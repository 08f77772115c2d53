#include "addon/convert.h"

#include <cstring>

extern char** environ;

namespace laminix::addon {

namespace {

using daemon::Closure;
using daemon::PathInfo;
using daemon::StringColumn;

Napi::String text(Napi::Env env, std::string_view value) {
  return Napi::String::New(env, value.data(), value.size());
}

Napi::Value textOrNull(Napi::Env env, std::string_view value) {
  if (value.empty()) return env.Null();
  return text(env, value);
}

Napi::Array texts(Napi::Env env, const StringColumn& column) {
  Napi::Array result = Napi::Array::New(env, column.size());
  for (std::uint32_t i = 0; i < column.size(); i++) {
    Napi::HandleScope scope(env);
    result.Set(i, text(env, column[i]));
  }
  return result;
}

/** A copy: not every runtime takes memory that it did not allocate. */
template <class Item>
Napi::Value typedArray(Napi::Env env, const Item* items, std::size_t count) {
  Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, count * sizeof(Item));
  if (count > 0) std::memcpy(buffer.Data(), items, count * sizeof(Item));
  return Napi::TypedArrayOf<Item>::New(env, count, buffer, 0);
}

template <class Item>
Napi::Value typedArray(Napi::Env env, const std::vector<Item>& items) {
  return typedArray(env, items.data(), items.size());
}

Napi::Value bytes(Napi::Env env, const std::string& value) {
  return typedArray(env, reinterpret_cast<const std::uint8_t*>(value.data()), value.size());
}

Napi::Value pathInfo(Napi::Env env, const PathInfo& info) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("deriver", textOrNull(env, info.deriver));
  result.Set("narHash", text(env, info.narHash));
  result.Set("references", texts(env, info.references));
  result.Set("registrationTime", Napi::Number::New(env, static_cast<double>(info.registrationTime)));
  result.Set("narSize", Napi::Number::New(env, static_cast<double>(info.narSize)));
  result.Set("ultimate", Napi::Boolean::New(env, info.ultimate));
  result.Set("signatures", texts(env, info.signatures));
  result.Set("ca", textOrNull(env, info.ca));
  return result;
}

Napi::Value closure(Napi::Env env, const Closure& closure) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("count", Napi::Number::New(env, static_cast<double>(closure.size())));
  result.Set("names", bytes(env, closure.names.bytes));
  result.Set("nameOffsets", typedArray(env, closure.names.offsets));
  result.Set("narHashes", typedArray(env, closure.narHashes));
  result.Set("narSizes", typedArray(env, closure.narSizes));
  result.Set("registrationTimes", typedArray(env, closure.registrationTimes));
  result.Set("ultimate", typedArray(env, closure.ultimate));
  result.Set("references", typedArray(env, closure.references));
  result.Set("referenceOffsets", typedArray(env, closure.referenceOffsets));
  result.Set("derivers", bytes(env, closure.derivers.bytes));
  result.Set("deriverOffsets", typedArray(env, closure.derivers.offsets));
  result.Set("cas", bytes(env, closure.cas.bytes));
  result.Set("caOffsets", typedArray(env, closure.cas.offsets));
  result.Set("signatures", bytes(env, closure.signatures.bytes));
  result.Set("signatureOffsets", typedArray(env, closure.signatures.offsets));
  result.Set("signatureRows", typedArray(env, closure.signatureRows));
  return result;
}

struct ValueToJs {
  Napi::Env env;

  Napi::Value operator()(std::monostate) const { return env.Undefined(); }
  Napi::Value operator()(bool value) const { return Napi::Boolean::New(env, value); }
  Napi::Value operator()(const std::optional<std::string>& value) const {
    return value ? text(env, *value) : env.Null();
  }
  Napi::Value operator()(const StringColumn& value) const { return texts(env, value); }
  Napi::Value operator()(const std::optional<PathInfo>& value) const {
    return value ? pathInfo(env, *value) : env.Null();
  }
  Napi::Value operator()(const Closure& value) const { return closure(env, value); }
};

std::vector<std::string> currentEnvironment() {
  std::vector<std::string> result;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; entry++) result.emplace_back(*entry);
  return result;
}

}  // namespace

Napi::Value toJs(Napi::Env env, const daemon::CodedError& error) {
  Napi::Object result = Napi::Error::New(env, error.what()).Value();
  result.Set("code", text(env, error.code));
  if (error.path) result.Set("path", text(env, *error.path));
  if (!error.errnoName.empty()) result.Set("errno", text(env, error.errnoName));
  if (error.level) result.Set("level", Napi::Number::New(env, static_cast<double>(*error.level)));
  return result;
}

Napi::Value toJs(Napi::Env env, const daemon::Handshake& handshake) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("minor", Napi::Number::New(env, static_cast<double>(handshake.minor)));
  result.Set("version", handshake.version ? text(env, *handshake.version) : env.Null());
  result.Set("trusted", handshake.trusted ? Napi::Boolean::New(env, *handshake.trusted) : env.Null());
  Napi::Array features = Napi::Array::New(env);
  for (const std::string& feature : handshake.features) features.Set(features.Length(), text(env, feature));
  result.Set("features", features);
  return result;
}

Napi::Value toJs(Napi::Env env, const daemon::Value& value) { return std::visit(ValueToJs{env}, value); }

std::string toString(const Napi::Value& value, const char* what) {
  if (!value.IsString()) throw Napi::TypeError::New(value.Env(), std::string(what) + " must be a string");
  return value.As<Napi::String>();
}

std::vector<std::string> toStrings(const Napi::Value& value, const char* what) {
  if (!value.IsArray())
    throw Napi::TypeError::New(value.Env(), std::string(what) + " must be an array of strings");
  Napi::Array array = value.As<Napi::Array>();
  std::vector<std::string> result;
  for (std::uint32_t i = 0; i < array.Length(); i++) {
    Napi::HandleScope scope(value.Env());
    result.push_back(toString(array.Get(i), what));
  }
  return result;
}

daemon::Target toTarget(const Napi::Value& value) {
  if (!value.IsObject()) throw Napi::TypeError::New(value.Env(), "target must be an object");
  Napi::Object target = value.As<Napi::Object>();
  if (target.Has("socket")) return daemon::SocketTarget{toString(target.Get("socket"), "target.socket")};
  return daemon::ProgramTarget{toString(target.Get("program"), "target.program"),
                               toStrings(target.Get("args"), "target.args"), currentEnvironment()};
}

}  // namespace laminix::addon
