#pragma once

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

namespace laminix::farm {

/** This system does not give what is needed. */
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/** The image is in the way; its builder can do something about it. */
struct Problem : std::runtime_error {
  using std::runtime_error::runtime_error;
};

[[noreturn]] inline void fail(const std::string& what, int error = errno) {
  throw Failure(what + ": " + std::strerror(error));
}

/** Throws if a system call returned -1. */
inline int must(long result, const std::string& what) {
  if (result == -1) fail(what);
  return static_cast<int>(result);
}

}  // namespace laminix::farm
