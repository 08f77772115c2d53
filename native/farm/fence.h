#pragma once

namespace laminix::farm {

/**
 * Gives up, for this process and all that it starts, what a build does not need: capabilities, programs that
 * change whose they run as, system calls that reach past the namespaces. There is no way back.
 */
void raiseFence(bool hasNetwork);

}  // namespace laminix::farm
