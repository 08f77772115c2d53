#pragma once

#include <string>

#include "farm/within.h"

namespace laminix::farm {

enum class Access { readOnly, readWrite };
enum class Devices { none, usable };

/**
 * Mounts what is at a path of this system, with all that is mounted below it and without setuid programs. A
 * link is not followed. From Linux 5.12 on a mount is read-only before it is attached; before, it is made so
 * at once afterwards, and what is mounted below it is left out.
 * @throws Problem if it is not there, or is a folder where the place is a file
 */
void attach(const std::string& source, const Place& place, Access access, Devices devices = Devices::none);

/** Makes a mount read-only: its own files, not what is mounted below it. */
void makeReadOnly(const std::string& mountPoint);

}  // namespace laminix::farm
