#include "farm/mounts.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "farm/failure.h"
#include "farm/within.h"

namespace laminix::farm {

namespace {

constexpr unsigned long plain = MS_NOSUID | MS_NODEV;
constexpr unsigned long inert = plain | MS_NOEXEC;
/** Options of a tmpfs that hides something. */
constexpr const char* empty = "mode=555";

/** `struct mount_attr`; headers of the C library and of the kernel that have it do not go together
 * everywhere. */
struct MountAttributes {
  std::uint64_t set, clear, propagation, userNamespace;
};
constexpr std::uint64_t attributeReadOnly = 1, attributeNoSetuid = 2, attributeNoDevices = 4;

int mountAttributes(const char* path, std::uint64_t attributes) {
  const MountAttributes wanted{attributes, 0, 0, 0};
  return static_cast<int>(syscall(SYS_mount_setattr, AT_FDCWD, path, AT_RECURSIVE, &wanted, sizeof wanted));
}

/** Since Linux 5.12. */
bool hasMountAttributes() {
  static const bool result = mountAttributes("", 0) == 0 || errno != ENOSYS;
  return result;
}

enum class Devices { none, usable };

/** Mounts what is at a path of this system, for reading only. A device can be opened with `Devices::usable`.
 */
void bindReadOnly(const std::string& source, const Place& target, Devices devices = Devices::none) {
  const char* name = target.name.c_str();
  const bool all = hasMountAttributes();
  must(fchdir(target.folder.get()), source);
  must(mount(source.c_str(), name, nullptr, MS_BIND | (all ? MS_REC : 0), nullptr),
       source + " cannot be mounted");
  const bool none = devices == Devices::none;
  const int result =
      all ? mountAttributes(name, attributeReadOnly | attributeNoSetuid | (none ? attributeNoDevices : 0))
          : mount(nullptr, name, nullptr,
                  MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | (none ? MS_NODEV : 0), nullptr);
  must(result, source + " cannot be made read-only");
}

/** Without following a link. */
mode_t modeOf(const Place& place) {
  struct stat found;
  const int result = fstatat(place.folder.get(), place.name.c_str(), &found, AT_SYMLINK_NOFOLLOW);
  return result == 0 ? found.st_mode : 0;
}

void mountNew(const char* type, int root, const std::string& path, unsigned long flags, const char* options) {
  const Place place = placeIn(root, path);
  must(fchdir(place.folder.get()), path);
  must(mount(type, place.name.c_str(), type, flags, options), path + " cannot be mounted");
}

void bindAll(int root, const std::string& source, const std::string& target) {
  struct stat found;
  must(stat(source.c_str(), &found), source);
  if (S_ISDIR(found.st_mode)) {
    std::vector<std::string> made;
    makeFolder(root, target, 0755, made);
  }
  const Place place = placeIn(root, target);
  if ((modeOf(place) & S_IFMT) != (found.st_mode & S_IFMT))
    throw Problem("the image has no place for " + target);
  bindReadOnly(source, place);
}

void makeDevices(int root) {
  mountNew("tmpfs", root, "/dev", plain, "mode=755");
  const Fd folder(must(openat(root, "dev", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), "/dev"));
  const int dev = folder.get();
  for (const char* name : {"null", "zero", "full", "random", "urandom", "tty"}) {
    const std::string source = std::string("/dev/") + name;
    struct stat found;
    if (stat(source.c_str(), &found) != 0 || !S_ISCHR(found.st_mode)) continue;
    Fd(must(openat(dev, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666), source));
    bindReadOnly(source, placeIn(dev, name), Devices::usable);
  }
  using Link = std::array<const char*, 2>;
  for (const auto& [name, target] :
       {Link{"fd", "/proc/self/fd"}, Link{"stdin", "fd/0"}, Link{"stdout", "fd/1"}, Link{"stderr", "fd/2"},
        Link{"ptmx", "pts/ptmx"}}) {
    must(symlinkat(target, dev, name), "/dev");
  }
  for (const char* name : {"pts", "shm"}) must(mkdirat(dev, name, 0755), "/dev");
  mountNew("devpts", dev, "pts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620");
  mountNew("tmpfs", dev, "shm", plain, "mode=1777");
}

bool isProcess(const std::string& name) {
  return std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/** Entries of /proc that reveal more of this system than a build should know. */
constexpr std::array hidden{"acpi",          "asound", "kcore",       "key-users",  "keys",
                            "latency_stats", "scsi",   "sched_debug", "timer_list", "timer_stats"};

/** Processes are the namespace's own; everything else in /proc belongs to this system and is made read-only.
 */
void mountProcesses(int root) {
  mountNew("proc", root, "/proc", inert, nullptr);
  const Fd folder(must(openat(root, "proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), "/proc"));
  const int proc = folder.get();
  for (const std::string& name : namesIn(proc)) {
    const Place place = placeIn(proc, name);
    const mode_t mode = modeOf(place);
    if (isProcess(name) || S_ISLNK(mode)) continue;
    const bool isHidden = std::find(hidden.begin(), hidden.end(), name) != hidden.end();
    if (isHidden && S_ISDIR(mode)) {
      mountNew("tmpfs", proc, name, inert | MS_RDONLY, empty);
    } else {
      must(fchdir(proc), "/proc");
      bindReadOnly(isHidden ? "/dev/null" : name, place);
    }
  }
}

/** A user namespace in this system's network may not mount a sysfs; an empty folder takes its place. */
void mountSystem(int root) {
  const Place place = placeIn(root, "/sys");
  must(fchdir(place.folder.get()), "/sys");
  const unsigned long flags = inert | MS_RDONLY;
  if (mount("sysfs", place.name.c_str(), "sysfs", flags, nullptr) != 0) {
    mountNew("tmpfs", root, "/sys", flags, empty);
    return;
  }
  const Place firmware = placeIn(root, "/sys/firmware");
  if (S_ISDIR(modeOf(firmware))) mountNew("tmpfs", root, "/sys/firmware", flags, empty);
}

/** pivot_root(2), `pivot_root(".", ".")`: the old root is stacked on the new one, then detached. */
void detachOldRoot(int root) {
  must(fchdir(root), "the root cannot be entered");
  must(syscall(SYS_pivot_root, ".", "."), "pivot_root");
  must(umount2(".", MNT_DETACH), "the old root cannot be detached");
  must(chdir("/"), "the root cannot be entered");
}

}  // namespace

void mountOverlay(const Description& description) {
  if (mount("overlay", description.root.c_str(), "overlay", plain, description.overlay.c_str()) != 0)
    throw Problem(std::string("no overlay can be mounted: ") + std::strerror(errno));
}

void enterRoot(const Description& description, const std::string& resolver) {
  must(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "mounts cannot be made private");
  const Fd folder(must(open(description.root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), "the root"));
  const int root = folder.get();
  if (!resolver.empty()) bindAll(root, description.resolver, resolver);
  makeDevices(root);
  mountProcesses(root);
  mountSystem(root);
  for (const Bind& bind : description.binds) bindAll(root, bind.source, bind.target);
  detachOldRoot(root);
}

}  // namespace laminix::farm
