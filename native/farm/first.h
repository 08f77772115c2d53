#pragma once

#include <string>

#include "farm/description.h"

namespace laminix::farm {

/**
 * The descriptors that the first process of the namespaces has beside its outputs, which are the command's:
 * one that is told how the command ended, a `Report`, and one that ends with the process that watches over
 * it.
 */
constexpr int reportFd = 3;
constexpr int aliveFd = 4;

/** A kind, and text: the command's exit status, what of the image is in the way, or what this system does not
 * give. */
struct Report {
  enum Kind : char { ended = 'e', problem = 'p', failure = 'f' };
};

/** Is the first process of new namespaces: enters the root, runs the command, and waits for its end. */
[[noreturn]] void beFirst(const Description& description, const std::string& resolver);

}  // namespace laminix::farm
