#pragma once

#include <cstdio>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "daemon/error.h"

/** What a test program is made of: a line for each test, and the count at the end. */
namespace laminix::test {

struct Test {
  std::string name;
  std::function<void()> body;
};

struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline void check(bool holds, const std::string& what) {
  if (!holds) throw Failure(what);
}

template <class A, class B>
void expectEqual(const A& actual, const B& expected, const std::string& what) {
  if (actual == expected) return;
  std::ostringstream text;
  text << what << ": " << actual << ", not " << expected;
  throw Failure(text.str());
}

/** The code of the CodedError that `body` throws; empty if it throws none. */
inline std::string codeOf(const std::function<void()>& body) {
  try {
    body();
  } catch (const daemon::CodedError& error) {
    return error.code;
  }
  return {};
}

inline bool endsStream(const std::function<void()>& body) {
  try {
    body();
  } catch (const daemon::EndOfStream&) {
    return true;
  }
  return false;
}

inline int run(const std::vector<Test>& tests) {
  // A test that hangs must not take the lines before it along.
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  int failed = 0;
  for (const Test& test : tests) {
    try {
      test.body();
      std::printf("ok: %s\n", test.name.c_str());
    } catch (const std::exception& error) {
      failed++;
      std::printf("FAILED: %s: %s\n", test.name.c_str(), error.what());
    }
  }
  std::printf("%zu passed, %d failed\n", tests.size() - static_cast<std::size_t>(failed), failed);
  return failed == 0 ? 0 : 1;
}

}  // namespace laminix::test
