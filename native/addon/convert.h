#pragma once

#include <napi.h>

#include "daemon/calls.h"
#include "daemon/error.h"
#include "daemon/handshake.h"
#include "daemon/transport.h"

// What crosses the border between JavaScript and C++; src/store/native.ts has the shapes.

namespace laminix::addon {

/** An Error with `code`, and `path`, `errno`, `level` where there are such. */
Napi::Value toJs(Napi::Env env, const daemon::CodedError& error);
Napi::Value toJs(Napi::Env env, const daemon::Handshake& handshake);
Napi::Value toJs(Napi::Env env, const daemon::Value& value);
Napi::Value toJs(Napi::Env env, daemon::Event event);

/** A TypeError that names what of `argument` does not have the shape. */
daemon::Item toItem(const Napi::Value& value, const daemon::Shape& shape, const std::string& argument);

/** A TypeError that names `what` if it is no string. */
std::string toString(const Napi::Value& value, const char* what);
std::vector<std::string> toStrings(const Napi::Value& value, const char* what);
/** `{ socket }` or `{ program, args }`. */
daemon::Target toTarget(const Napi::Value& value);

}  // namespace laminix::addon
