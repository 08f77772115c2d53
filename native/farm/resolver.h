#pragma once

#include <string>

namespace laminix::farm {

/** Where the resolver's configuration is mounted in a root; nowhere if the path is empty. */
struct ResolverPlace {
  std::string path;
  /** Whether the file is there for the mount alone. */
  bool isMade = false;
};

/** Nowhere if the image has no /etc, or a link of that name. */
ResolverPlace makeResolverPlace(int root);

}  // namespace laminix::farm
