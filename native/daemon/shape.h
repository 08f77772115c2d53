#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "daemon/item.h"
#include "daemon/wire.h"

namespace laminix::daemon {

/** What a value looks like on the wire: one description serves writing, reading, and conversion to
 * JavaScript. */
struct Shape {
  enum class Kind {
    nothing,
    /** A number that is always the same and tells nothing. */
    constant,
    /** A number that tells nothing and may be any. */
    ignored,
    boolean,
    number,
    string,
    /** A string; empty means that there is none. */
    optionalString,
    strings,
    /** A count, then so many of the one part. */
    list,
    /** A boolean, then the one part if it is true. */
    optional,
    /** Its parts, one after the other. */
    record,
  };
  using Check = void (*)(std::string_view);

  Kind kind = Kind::nothing;
  /** Of a record's part; what people read when it is wrong. */
  const char* name = "";
  /** The part is on the wire from this minor version of the protocol on. */
  std::uint64_t since = 0;
  std::uint64_t constant = 0;
  /** Bytes that a string may have. */
  std::uint64_t maxLength = maxShortLength;
  /** Throws a ProtocolError where a string is not what it should be. */
  Check check = nullptr;
  std::vector<Shape> parts;

  /** Whether a part of this kind is part of the value. */
  bool isNamed() const { return kind != Kind::constant && kind != Kind::ignored; }
};

/** Shapes, by what they are for. */
namespace shape {
Shape nothing();
Shape constant(std::uint64_t value);
Shape ignored();
Shape boolean(const char* name);
Shape number(const char* name);
Shape string(const char* name, Shape::Check check = nullptr);
/** A string that may be long: a message, a text. */
Shape text(const char* name);
Shape optionalString(const char* name);
Shape strings(const char* name);
Shape list(const char* name, Shape part);
Shape optional(const char* name, Shape part);
Shape record(std::vector<Shape> parts);
Shape since(std::uint64_t minor, Shape shape);
}  // namespace shape

/** Writes a value that has the shape; of a value that has not, std::bad_variant_access. */
void encode(Encoder& out, const Shape& shape, const Item& item, std::uint64_t minor);
/** Reads a value; a ProtocolError where it has another shape. */
Item decode(Decoder& in, const Shape& shape, std::uint64_t minor);

}  // namespace laminix::daemon
