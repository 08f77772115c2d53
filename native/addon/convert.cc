#include "addon/convert.h"

#include <cmath>
#include <cstring>

extern char** environ;

namespace laminix::addon {

namespace {

using daemon::Closure;
using daemon::Item;
using daemon::Shape;
using daemon::StringColumn;

Napi::String text(Napi::Env env, std::string_view value) {
  return Napi::String::New(env, value.data(), value.size());
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

Napi::Value item(Napi::Env env, const Item& value, const Shape& shape);

Napi::Value parts(Napi::Env env, const Item::Parts& values, const Shape& shape) {
  if (shape.kind == Shape::Kind::list) {
    Napi::Array result = Napi::Array::New(env, values.size());
    for (std::uint32_t i = 0; i < values.size(); i++) {
      Napi::HandleScope scope(env);
      result.Set(i, item(env, values[i], shape.parts[0]));
    }
    return result;
  }
  Napi::Object result = Napi::Object::New(env);
  std::size_t next = 0;
  for (const Shape& part : shape.parts) {
    if (!part.isNamed()) continue;
    const Item& value = values[next++];
    // A record within a record is one record for JavaScript.
    if (part.kind == Shape::Kind::record) {
      Napi::Object inner = item(env, value, part).As<Napi::Object>();
      for (const Shape& each : part.parts) {
        if (each.isNamed()) result.Set(each.name, inner.Get(each.name));
      }
    } else {
      result.Set(part.name, item(env, value, part));
    }
  }
  return result;
}

struct ItemToJs {
  Napi::Env env;
  const Shape& shape;

  Napi::Value operator()(std::monostate) const {
    return shape.kind == Shape::Kind::nothing || shape.kind == Shape::Kind::constant ? env.Undefined()
                                                                                     : env.Null();
  }
  Napi::Value operator()(bool value) const { return Napi::Boolean::New(env, value); }
  Napi::Value operator()(std::uint64_t value) const {
    return Napi::Number::New(env, static_cast<double>(value));
  }
  Napi::Value operator()(const std::string& value) const { return text(env, value); }
  Napi::Value operator()(const StringColumn& value) const { return texts(env, value); }
  Napi::Value operator()(const Item::Parts& value) const { return parts(env, value, shape); }
};

Napi::Value item(Napi::Env env, const Item& value, const Shape& shape) {
  bool present = !std::holds_alternative<std::monostate>(value.value);
  const Shape& inner = shape.kind == Shape::Kind::optional && present ? shape.parts[0] : shape;
  return std::visit(ItemToJs{env, inner}, value.value);
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
  Napi::Value operator()(const daemon::Answer& value) const { return item(env, value.item, *value.shape); }
  Napi::Value operator()(const Closure& value) const { return closure(env, value); }
};

/** Numbers of 64 bits that only name something. */
Napi::Value id(Napi::Env env, std::uint64_t value) { return Napi::BigInt::New(env, value); }

Napi::Object message(Napi::Env env, const char* kind) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("kind", text(env, kind));
  return result;
}

Napi::Array fields(Napi::Env env, const std::vector<daemon::Field>& fields) {
  Napi::Array result = Napi::Array::New(env, fields.size());
  for (std::uint32_t i = 0; i < fields.size(); i++) {
    if (auto* number = std::get_if<std::uint64_t>(&fields[i])) {
      result.Set(i, Napi::Number::New(env, static_cast<double>(*number)));
    } else {
      result.Set(i, text(env, std::get<std::string>(fields[i])));
    }
  }
  return result;
}

struct MessageToJs {
  Napi::Env env;

  Napi::Value operator()(const daemon::LogLine& line) const {
    Napi::Object result = message(env, "log");
    result.Set("text", text(env, line.text));
    return result;
  }
  Napi::Value operator()(const daemon::ActivityStart& start) const {
    Napi::Object result = message(env, "start");
    result.Set("id", id(env, start.id));
    result.Set("level", Napi::Number::New(env, static_cast<double>(start.level)));
    result.Set("type", Napi::Number::New(env, static_cast<double>(start.type)));
    result.Set("text", text(env, start.text));
    result.Set("fields", fields(env, start.fields));
    result.Set("parent", id(env, start.parent));
    return result;
  }
  Napi::Value operator()(const daemon::ActivityStop& stop) const {
    Napi::Object result = message(env, "stop");
    result.Set("id", id(env, stop.id));
    return result;
  }
  Napi::Value operator()(const daemon::ActivityResult& activity) const {
    Napi::Object result = message(env, "result");
    result.Set("id", id(env, activity.id));
    result.Set("type", Napi::Number::New(env, static_cast<double>(activity.type)));
    result.Set("fields", fields(env, activity.fields));
    return result;
  }
};

/** Without a copy where the runtime allows that. */
Napi::Value chunk(Napi::Env env, std::string bytes) {
  auto* owned = new std::string(std::move(bytes));
  return Napi::Buffer<char>::NewOrCopy(env, owned->data(), owned->size(),
                                       [owned](Napi::Env, char*) { delete owned; });
}

/** A number that a double holds exactly, or a BigInt. */
std::uint64_t toNumber(const Napi::Value& value, const std::string& argument) {
  if (value.IsBigInt()) {
    bool lossless = false;
    std::uint64_t number = value.As<Napi::BigInt>().Uint64Value(&lossless);
    if (lossless) return number;
  } else if (value.IsNumber()) {
    double number = value.As<Napi::Number>().DoubleValue();
    if (number >= 0 && number <= static_cast<double>(daemon::maxSafeInteger) && number == std::floor(number))
      return static_cast<std::uint64_t>(number);
  }
  throw Napi::TypeError::New(value.Env(), argument + " must be a whole number from 0 up");
}

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
  if (!error.traces.empty()) {
    Napi::Array traces = Napi::Array::New(env, error.traces.size());
    for (std::uint32_t i = 0; i < error.traces.size(); i++) traces.Set(i, text(env, error.traces[i]));
    result.Set("traces", traces);
  }
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

Napi::Value toJs(Napi::Env env, daemon::Event event) {
  if (auto* piece = std::get_if<daemon::Chunk>(&event)) return chunk(env, std::move(piece->bytes));
  return std::visit(MessageToJs{env}, std::get<daemon::Message>(event));
}

Item toItem(const Napi::Value& value, const Shape& shape, const std::string& argument) {
  switch (shape.kind) {
    case Shape::Kind::nothing:
    case Shape::Kind::constant:
    case Shape::Kind::ignored:
      return {};
    case Shape::Kind::boolean:
      if (value.IsBoolean()) return {value.As<Napi::Boolean>().Value()};
      throw Napi::TypeError::New(value.Env(), argument + " must be a boolean");
    case Shape::Kind::number:
      return {toNumber(value, argument)};
    case Shape::Kind::string:
      return {toString(value, argument.c_str())};
    case Shape::Kind::optionalString:
      if (value.IsNull() || value.IsUndefined()) return {};
      return {toString(value, argument.c_str())};
    case Shape::Kind::strings: {
      StringColumn column;
      for (const std::string& each : toStrings(value, argument.c_str())) column.push(each);
      return {std::move(column)};
    }
    case Shape::Kind::optional:
      if (value.IsNull() || value.IsUndefined()) return {};
      return toItem(value, shape.parts[0], argument);
    case Shape::Kind::list: {
      if (!value.IsArray()) throw Napi::TypeError::New(value.Env(), argument + " must be an array");
      Napi::Array array = value.As<Napi::Array>();
      Item::Parts items;
      for (std::uint32_t i = 0; i < array.Length(); i++) {
        Napi::HandleScope scope(value.Env());
        items.push_back(toItem(array.Get(i), shape.parts[0], argument + "[" + std::to_string(i) + "]"));
      }
      return {std::move(items)};
    }
    case Shape::Kind::record: {
      if (!value.IsObject()) throw Napi::TypeError::New(value.Env(), argument + " must be an object");
      Napi::Object object = value.As<Napi::Object>();
      Item::Parts items;
      for (const Shape& part : shape.parts) {
        if (part.isNamed()) items.push_back(toItem(object.Get(part.name), part, argument + "." + part.name));
      }
      return {std::move(items)};
    }
  }
  return {};
}

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
