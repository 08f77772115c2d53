#pragma once

#include <string_view>

namespace laminix::daemon {

/** Whether this is the last part of a store path: 32 characters of Nix's base 32, a hyphen, a name. */
bool isBaseName(std::string_view text);

/** The base name of a path that is directly in `storeDir`; empty if it is not there or is not a store path.
 */
std::string_view baseNameIn(std::string_view storeDir, std::string_view path);

}  // namespace laminix::daemon
