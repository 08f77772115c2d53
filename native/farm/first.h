#pragma once

#include <string>

#include "farm/description.h"

namespace laminix::farm {

/** Is the first process of a script's namespaces: enters the root, runs the command, and waits for its end.
 */
[[noreturn]] void beFirst(const Description& description, const std::string& resolver);

}  // namespace laminix::farm
