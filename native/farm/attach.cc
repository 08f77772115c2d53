#include "farm/attach.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

#include <cstdint>

#include "farm/failure.h"

namespace laminix::farm {

namespace {

// Headers of the C library and of the kernel that have these do not go together everywhere. The numbers are
// those of every 64-bit processor.
constexpr long openTree = 428, moveMount = 429, setAttributes = 442;
constexpr unsigned cloned = 1, recursive = 0x8000, emptyPath = 0x1000, fromEmptyPath = 4;

/** `struct mount_attr`. */
struct MountAttributes {
  std::uint64_t set, clear, propagation, userNamespace;
};
constexpr std::uint64_t readOnly = 1, noSetuid = 2, noDevices = 4;

int setMountAttributes(int mount, unsigned flags, std::uint64_t attributes) {
  const MountAttributes wanted{attributes, 0, MS_PRIVATE, 0};
  return static_cast<int>(syscall(setAttributes, mount, "", emptyPath | flags, &wanted, sizeof wanted));
}

/** Since Linux 5.12, where no filter of system calls hides them. */
bool hasMountAttributes() {
  static const bool result =
      setMountAttributes(-1, 0, 0) == 0 || (errno != ENOSYS && errno != EPERM && errno != EACCES);
  return result;
}

[[noreturn]] void refuse(const std::string& source, int error) {
  const bool isOther = error == EINVAL || error == ENOTDIR || error == EISDIR;
  throw Problem(source +
                " cannot be mounted: " + (isOther ? "something else is in its place" : std::strerror(error)));
}

void attachTree(const std::string& source, const Place& place, std::uint64_t attributes) {
  const unsigned flags = cloned | recursive | O_CLOEXEC | AT_SYMLINK_NOFOLLOW;
  const Fd tree(static_cast<int>(syscall(openTree, AT_FDCWD, source.c_str(), flags)));
  if (tree.get() < 0) refuse(source, errno);
  must(setMountAttributes(tree.get(), recursive, attributes), source + " cannot be protected");
  if (syscall(moveMount, tree.get(), "", place.folder.get(), place.name.c_str(), fromEmptyPath) != 0)
    refuse(source, errno);
}

/** Flags of a mount that a user namespace may not take away, so that they have to be repeated. */
unsigned long flagsOf(const char* place) {
  struct statvfs found;
  must(statvfs(place, &found), place);
  unsigned long flags = 0;
  for (const auto& [inStatus, inMount] :
       {std::pair{ST_RDONLY, MS_RDONLY}, std::pair{ST_NOSUID, MS_NOSUID}, std::pair{ST_NODEV, MS_NODEV},
        std::pair{ST_NOEXEC, MS_NOEXEC}, std::pair{ST_NOATIME, MS_NOATIME},
        std::pair{ST_NODIRATIME, MS_NODIRATIME}, std::pair{ST_RELATIME, MS_RELATIME}}) {
    if ((found.f_flag & static_cast<unsigned long>(inStatus)) != 0)
      flags |= static_cast<unsigned long>(inMount);
  }
  return flags;
}

void bindAndRemount(const std::string& source, const Place& place, unsigned long flags) {
  struct stat found;
  if (lstat(source.c_str(), &found) != 0) refuse(source, errno);
  if (S_ISLNK(found.st_mode)) refuse(source, EINVAL);
  const char* name = place.name.c_str();
  must(fchdir(place.folder.get()), source);
  if (mount(source.c_str(), name, nullptr, MS_BIND, nullptr) != 0) refuse(source, errno);
  must(mount(nullptr, name, nullptr, MS_REMOUNT | MS_BIND | flagsOf(name) | flags, nullptr),
       source + " cannot be protected");
}

}  // namespace

void attach(const std::string& source, const Place& place, Access access, Devices devices) {
  const bool isReadOnly = access == Access::readOnly, hasDevices = devices == Devices::usable;
  if (hasMountAttributes()) {
    attachTree(source, place, noSetuid | (isReadOnly ? readOnly : 0) | (hasDevices ? 0 : noDevices));
  } else {
    bindAndRemount(source, place, MS_NOSUID | (isReadOnly ? MS_RDONLY : 0) | (hasDevices ? 0 : MS_NODEV));
  }
}

void makeReadOnly(const std::string& mountPoint) {
  const Fd folder(must(open(mountPoint.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), mountPoint));
  const int result = hasMountAttributes()
                         ? setMountAttributes(folder.get(), 0, readOnly)
                         : mount(nullptr, mountPoint.c_str(), nullptr,
                                 MS_REMOUNT | MS_BIND | MS_RDONLY | flagsOf(mountPoint.c_str()), nullptr);
  must(result, mountPoint + " cannot be made read-only");
}

}  // namespace laminix::farm
