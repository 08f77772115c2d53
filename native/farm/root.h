#pragma once

#include <string>
#include <vector>

#include "farm/description.h"
#include "farm/resolver.h"
#include "posix/fd.h"

namespace laminix::farm {

/** The overlay, from when it is mounted until what was made for the mounts in it has been removed. */
class Root {
 public:
  explicit Root(const Description& description);
  ~Root();

  /** Where the resolver is to be mounted; empty if nowhere. */
  const std::string& resolver() const { return resolver_.path; }
  /** Whether there was something in it, and nothing is left. */
  bool isEmptied() const { return hadSomething_ && !hasSomething(); }

 private:
  bool hasSomething() const;
  void remove(const std::string& folder) const;
  void removeResolver() const;

  const Description& description_;
  Fd folder_;
  std::vector<std::string> made_;
  ResolverPlace resolver_;
  bool hadSomething_ = false;
};

}  // namespace laminix::farm
