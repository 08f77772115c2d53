#include "daemon/shape.h"

#include <utility>

#include "daemon/error.h"

namespace laminix::daemon {

namespace shape {

namespace {

Shape of(Shape::Kind kind, const char* name) {
  Shape result;
  result.kind = kind;
  result.name = name;
  return result;
}

}  // namespace

Shape nothing() { return {}; }

Shape constant(std::uint64_t value) {
  Shape result = of(Shape::Kind::constant, "a constant");
  result.constant = value;
  return result;
}

Shape ignored() { return of(Shape::Kind::ignored, ""); }
Shape boolean(const char* name) { return of(Shape::Kind::boolean, name); }
Shape number(const char* name) { return of(Shape::Kind::number, name); }

Shape string(const char* name, Shape::Check check) {
  Shape result = of(Shape::Kind::string, name);
  result.check = check;
  return result;
}

Shape text(const char* name) {
  Shape result = of(Shape::Kind::string, name);
  result.maxLength = maxStringLength;
  return result;
}

Shape optionalString(const char* name) { return of(Shape::Kind::optionalString, name); }
Shape strings(const char* name) { return of(Shape::Kind::strings, name); }

Shape list(const char* name, Shape part) {
  Shape result = of(Shape::Kind::list, name);
  result.parts.push_back(std::move(part));
  return result;
}

Shape optional(const char* name, Shape part) {
  Shape result = of(Shape::Kind::optional, name);
  result.parts.push_back(std::move(part));
  return result;
}

Shape record(std::vector<Shape> parts) {
  Shape result = of(Shape::Kind::record, "");
  result.parts = std::move(parts);
  return result;
}

Shape since(std::uint64_t minor, Shape shape) {
  shape.since = minor;
  return shape;
}

}  // namespace shape

namespace {

using Kind = Shape::Kind;

bool isPresent(const Item& item) { return !std::holds_alternative<std::monostate>(item.value); }

}  // namespace

void encode(Encoder& out, const Shape& shape, const Item& item, std::uint64_t minor) {
  if (minor < shape.since) return;
  switch (shape.kind) {
    case Kind::nothing:
      break;
    case Kind::constant:
      out.number(shape.constant);
      break;
    case Kind::ignored:
      out.number(0);
      break;
    case Kind::boolean:
      out.number(std::get<bool>(item.value));
      break;
    case Kind::number:
      out.number(std::get<std::uint64_t>(item.value));
      break;
    case Kind::optionalString:
      out.string(isPresent(item) ? std::get<std::string>(item.value) : "");
      break;
    case Kind::string:
      out.string(std::get<std::string>(item.value));
      break;
    case Kind::strings: {
      const auto& strings = std::get<StringColumn>(item.value);
      out.number(strings.size());
      for (std::size_t i = 0; i < strings.size(); i++) out.string(strings[i]);
      break;
    }
    case Kind::list: {
      const auto& items = std::get<Item::Parts>(item.value);
      out.number(items.size());
      for (const Item& each : items) encode(out, shape.parts[0], each, minor);
      break;
    }
    case Kind::optional:
      out.number(isPresent(item));
      if (isPresent(item)) encode(out, shape.parts[0], item, minor);
      break;
    case Kind::record: {
      const auto& items = std::get<Item::Parts>(item.value);
      std::size_t next = 0;
      static const Item none;
      for (const Shape& part : shape.parts) encode(out, part, part.isNamed() ? items[next++] : none, minor);
      break;
    }
  }
}

Item decode(Decoder& in, const Shape& shape, std::uint64_t minor) {
  if (minor < shape.since) return {};
  switch (shape.kind) {
    case Kind::nothing:
      break;
    case Kind::constant:
      if (in.number() != shape.constant) {
        throw ProtocolError("the daemon ended an answer with something else than " +
                            std::to_string(shape.constant));
      }
      break;
    case Kind::ignored:
      in.number();
      break;
    case Kind::boolean:
      return {in.boolean()};
    case Kind::number:
      return {in.number(maxSafeInteger, shape.name)};
    case Kind::string:
    case Kind::optionalString: {
      std::string_view text = in.string(shape.maxLength, shape.name);
      if (shape.check) shape.check(text);
      if (shape.kind == Kind::optionalString && text.empty()) break;
      return {std::string(text)};
    }
    case Kind::strings: {
      StringColumn strings;
      for (std::uint64_t n = in.count(shape.name); n > 0; n--)
        strings.push(in.string(shape.maxLength, shape.name));
      return {std::move(strings)};
    }
    case Kind::list: {
      Item::Parts items;
      for (std::uint64_t n = in.count(shape.name); n > 0; n--)
        items.push_back(decode(in, shape.parts[0], minor));
      return {std::move(items)};
    }
    case Kind::optional:
      if (in.boolean()) return decode(in, shape.parts[0], minor);
      break;
    case Kind::record: {
      Item::Parts items;
      for (const Shape& part : shape.parts) {
        Item item = decode(in, part, minor);
        if (part.isNamed()) items.push_back(std::move(item));
      }
      return {std::move(items)};
    }
  }
  return {};
}

}  // namespace laminix::daemon
