#pragma once

#include <string>

#include "farm/description.h"

namespace laminix::farm {

/** Ends with whoever started a container. */
constexpr int keeperFd = 3;

/**
 * Runs a container's command on this process's standard input, output and error. Signals are passed on to it.
 * @returns how it ended, as a shell reports it
 */
std::string runContainer(const Description& description);

}  // namespace laminix::farm
