#pragma once

#include <string>

#include "farm/description.h"

namespace laminix::farm {

/**
 * Mounts store paths in a folder, by their names, and makes their links. In a folder that is empty they are
 * all that there is, and nothing can be added; otherwise they are mounted among what is there.
 * @param folder where on this system; no link is on the way
 * @throws Problem for a path that is not there to be mounted, and for a file that is in a path's place
 */
void assembleFarm(const std::string& folder, const Store& store);

}  // namespace laminix::farm
