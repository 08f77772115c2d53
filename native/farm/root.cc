#include "farm/root.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>

#include "farm/failure.h"
#include "farm/mounts.h"
#include "farm/within.h"

namespace laminix::farm {

Root::Root(const Description& description) : description_(description) {
  mountOverlay(description);
  try {
    folder_ = Fd(must(open(description.root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), "the root"));
    hadSomething_ = hasSomething();
    for (const Folder& folder : description.folders)
      makeFolder(folder_.get(), folder.path, folder.mode, made_);
    if (!description.resolver.empty()) resolver_ = makeResolverPlace(folder_.get());
  } catch (...) {
    umount2(description.root.c_str(), MNT_DETACH);
    throw;
  }
}

Root::~Root() {
  if (resolver_.isMade) removeResolver();
  for (const std::string& folder : made_) remove(folder);
  folder_.close();
  if (umount2(description_.root.c_str(), 0) != 0) umount2(description_.root.c_str(), MNT_DETACH);
}

/** The folders that are mounted upon do not count. */
bool Root::hasSomething() const {
  for (const std::string& name : namesIn(folder_.get())) {
    const auto isFor = [&](const Folder& folder) { return partsOf(folder.path).front() == name; };
    if (std::none_of(description_.folders.begin(), description_.folders.end(), isFor)) return true;
  }
  return false;
}

/** The command may have put a link in its place, or on the way to it. */
void Root::remove(const std::string& folder) const {
  try {
    const Place place = placeIn(folder_.get(), folder);
    unlinkat(place.folder.get(), place.name.c_str(), AT_REMOVEDIR);
  } catch (const std::exception&) {
    // It stays.
  }
}

void Root::removeResolver() const {
  try {
    const Place place = placeIn(folder_.get(), resolver_.path);
    struct stat found;
    if (fstatat(place.folder.get(), place.name.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) return;
    if (S_ISREG(found.st_mode) && found.st_size == 0) unlinkat(place.folder.get(), place.name.c_str(), 0);
  } catch (const std::exception&) {
    // It stays.
  }
}

}  // namespace laminix::farm
