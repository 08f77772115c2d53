#include "farm/farm.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "farm/attach.h"
#include "farm/failure.h"
#include "farm/within.h"

namespace laminix::farm {

namespace {

Fd opened(const std::string& folder) {
  return Fd(must(open(folder.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), folder));
}

bool isThere(int folder, const std::string& name, mode_t type) {
  struct stat found;
  if (fstatat(folder, name.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) return false;
  if ((found.st_mode & S_IFMT) == type) return true;
  throw Problem("the image has something else in the place of the store path " + name);
}

/** What a store path is mounted upon. */
void makeMountPoint(int folder, const Bind& path) {
  struct stat found;
  if (lstat(path.source.c_str(), &found) != 0) throw Problem(path.source + ": " + std::strerror(errno));
  const mode_t type = S_ISDIR(found.st_mode) ? S_IFDIR : S_IFREG;
  const char* name = path.target.c_str();
  // Asked only if it cannot be made: most often nothing is there.
  const int made = type == S_IFDIR ? mkdirat(folder, name, 0555) : mknodat(folder, name, S_IFREG | 0444, 0);
  if (made == 0 || isThere(folder, path.target, type)) return;
  fail(path.target + " cannot be made");
}

void makeLink(int folder, const Link& link) {
  if (symlinkat(link.text.c_str(), folder, link.name.c_str()) == 0 || isThere(folder, link.name, S_IFLNK))
    return;
  fail(link.name + " cannot be made");
}

void fill(const std::string& folder, const Store& store) {
  const Fd at = opened(folder);
  Place place{opened(folder), ""};
  for (const Bind& path : store.paths) {
    makeMountPoint(at.get(), path);
    place.name = path.target;
    attach(path.source, place, Access::readOnly);
  }
  for (const Link& link : store.links) makeLink(at.get(), link);
}

}  // namespace

void assembleFarm(const std::string& folder, const Store& store) {
  if (!namesIn(opened(folder).get()).empty()) return fill(folder, store);
  must(mount("tmpfs", folder.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "mode=755"),
       folder + " cannot be mounted");
  try {
    fill(folder, store);
    makeReadOnly(folder);
  } catch (...) {
    umount2(folder.c_str(), MNT_DETACH);
    throw;
  }
}

}  // namespace laminix::farm
