#pragma once

#include <termios.h>

#include <array>
#include <optional>
#include <string>

#include "farm/user.h"
#include "posix/fd.h"

namespace laminix::farm {

/** The terminal at standard input, which passes on every key as it is while this lives. */
class RawTerminal {
 public:
  explicit RawTerminal(bool isWanted);
  ~RawTerminal();
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

 private:
  std::optional<termios> before_;
};

/** A container's own terminal. What it shows goes to standard output, what is typed comes from standard
 * input. */
class Terminal {
 public:
  /** In the root that has been entered. */
  explicit Terminal(const User& user);

  /** Where what it shows is read. */
  int get() const { return shown_.get(); }
  /** As large as the terminal at standard input. */
  void resize() const;
  /** @returns whether there may be more */
  bool show() const;
  bool type();
  /** Shows what is left, when nothing writes any more. */
  void drain() const;
  /** Makes it the controlling terminal of this process, in a session of its own. */
  void control() const;

 private:
  Fd shown_, used_;
};

}  // namespace laminix::farm
