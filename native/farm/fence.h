#pragma once

#include "farm/user.h"

namespace laminix::farm {

/**
 * Becomes a user, and gives up, for this process and all that it starts, what neither a build nor a container
 * needs: capabilities, programs that change whose they run as, system calls that reach past the namespaces.
 * There is no way back.
 */
void raiseFence(bool hasNetwork, const User& user = {});

}  // namespace laminix::farm
