#pragma once

#include <string>

#include "farm/description.h"

namespace laminix::farm {

struct ScriptEnd {
  /** As a shell reports it. */
  std::string code;
  /** Whether there was something in the root, and nothing is left. */
  bool emptied;
};

/**
 * Runs a script's command, and copies what it prints to standard output. Kills it at a signal to end, and at
 * the end of standard input.
 */
ScriptEnd runScript(const Description& description);

}  // namespace laminix::farm
