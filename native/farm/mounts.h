#pragma once

#include "farm/description.h"

namespace laminix::farm {

/**
 * Mounts what a root has beside its files, and makes it the only root there is: the old one is detached.
 * Called by the first process of new namespaces; its mounts are nobody else's.
 * @param resolver where `description.resolver` is to be found; empty if it is not
 */
void enterRoot(const Description& description, const std::string& resolver);

/** As above, for a container: with its overlay, its store, its volumes and its working folder. */
void enterContainer(const Description& description);

/** Mounts the overlay, without devices and setuid programs. */
void mountOverlay(const Description& description);

}  // namespace laminix::farm
