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
    if (!description.resolver.empty()) makeResolver();
  } catch (...) {
    umount2(description.root.c_str(), MNT_DETACH);
    throw;
  }
}

Root::~Root() {
  if (resolverIsMade_) removeResolver();
  for (const std::string& folder : made_) remove(folder);
  folder_.close();
  if (umount2(description_.root.c_str(), 0) != 0) umount2(description_.root.c_str(), MNT_DETACH);
}

/** None if the image has no /etc, or a link of that name. */
void Root::makeResolver() {
  const std::string etc = folderWithoutLinks(folder_.get(), "/etc");
  if (etc.empty()) return;
  const std::string path = etc + "/resolv.conf";
  const Place place = placeIn(folder_.get(), path);
  struct stat found;
  if (fstatat(place.folder.get(), place.name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0) {
    if (S_ISREG(found.st_mode)) resolver_ = path;
    return;
  }
  const Fd folder(openat(place.folder.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  constexpr int flags = O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC;
  const Fd file(openat(folder.get(), place.name.c_str(), flags, 0644));
  if (file.get() < 0) fail("the image's resolv.conf cannot be made");
  resolver_ = path;
  resolverIsMade_ = true;
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
    const Place place = placeIn(folder_.get(), resolver_);
    struct stat found;
    if (fstatat(place.folder.get(), place.name.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) return;
    if (S_ISREG(found.st_mode) && found.st_size == 0) unlinkat(place.folder.get(), place.name.c_str(), 0);
  } catch (const std::exception&) {
    // It stays.
  }
}

}  // namespace laminix::farm
