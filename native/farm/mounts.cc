#include "farm/mounts.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>

#include "farm/attach.h"
#include "farm/failure.h"
#include "farm/farm.h"
#include "farm/resolver.h"
#include "farm/within.h"

namespace laminix::farm {

namespace {

constexpr unsigned long plain = MS_NOSUID | MS_NODEV;
constexpr unsigned long inert = plain | MS_NOEXEC;
/** Options of a tmpfs that hides something. */
constexpr const char* empty = "mode=555";

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
  attach(source, place, Access::readOnly);
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
    attach(source, placeIn(dev, name), Access::readOnly, Devices::usable);
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
      attach(isHidden ? "/dev/null" : name, place, Access::readOnly);
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

void makePrivate() {
  must(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "mounts cannot be made private");
}

Fd openRoot(const Description& description) {
  return Fd(must(open(description.root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), "the root"));
}

void mountSystemFolders(int root) {
  makeDevices(root);
  mountProcesses(root);
  mountSystem(root);
}

/** The image's own where it has one. A root that cannot be written to has one in memory. */
void makeTemporary(int root, bool isInMemory) {
  const bool isThere = modeOf(placeIn(root, "/tmp")) != 0;
  const std::string folder = makeFolderThroughLinks(root, "/tmp", 0755);
  if (isInMemory) {
    must(mount("tmpfs", folder.c_str(), "tmpfs", plain, "mode=1777"), "/tmp cannot be mounted");
  } else if (!isThere) {
    // Whatever the umask.
    must(chmod(folder.c_str(), 01777), "/tmp cannot be made");
  }
}

Place placeAt(const std::string& folder, const std::string& name) {
  return {Fd(must(open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), folder)), name};
}

void mountVolume(int root, const Volume& volume) {
  struct stat found;
  if (stat(volume.source.c_str(), &found) != 0)
    throw Problem(volume.source + " cannot be mounted: " + std::strerror(errno));
  const std::size_t slash = volume.target.rfind('/');
  const bool isFolder = S_ISDIR(found.st_mode);
  const std::string whole =
      makeFolderThroughLinks(root, isFolder ? volume.target : volume.target.substr(0, slash), 0755);
  const std::size_t last = whole.rfind('/');
  const Place place = isFolder ? placeAt(whole.substr(0, last), whole.substr(last + 1))
                               : placeAt(whole, volume.target.substr(slash + 1));
  if (!isFolder && modeOf(place) == 0) {
    constexpr int flags = O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC;
    const Fd inside(openat(place.folder.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    Fd(must(openat(inside.get(), place.name.c_str(), flags, 0644), volume.target));
  }
  if (S_ISLNK(modeOf(place))) throw Problem("the image has a link in the place of " + volume.target);
  attach(volume.source, place, volume.isReadOnly ? Access::readOnly : Access::readWrite);
}

}  // namespace

void mountOverlay(const Description& description) {
  if (mount("overlay", description.root.c_str(), "overlay", plain, description.overlay.c_str()) != 0)
    throw Problem(std::string("no overlay can be mounted: ") + std::strerror(errno));
}

void enterRoot(const Description& description, const std::string& resolver) {
  makePrivate();
  const Fd folder = openRoot(description);
  const int root = folder.get();
  if (!resolver.empty()) bindAll(root, description.resolver, resolver);
  mountSystemFolders(root);
  for (const Bind& bind : description.binds) bindAll(root, bind.source, bind.target);
  detachOldRoot(root);
}

void enterContainer(const Description& description) {
  const Container& container = description.container.value();
  makePrivate();
  if (description.overlay.empty()) {
    const char* root = description.root.c_str();
    must(mount(root, root, nullptr, MS_BIND, nullptr), "the root cannot be mounted");
  } else {
    mountOverlay(description);
  }
  const Fd folder = openRoot(description);
  const int root = folder.get();
  std::vector<std::string> made;
  for (const Folder& each : description.folders) makeFolder(root, each.path, each.mode, made);
  if (!description.resolver.empty()) {
    // A root of store paths alone has none; whatever else is there is the image's.
    if (mkdirat(root, "etc", 0755) != 0 && errno != EEXIST) fail("/etc cannot be made");
    const ResolverPlace place = makeResolverPlace(root);
    if (!place.path.empty()) bindAll(root, description.resolver, place.path);
  }
  mountSystemFolders(root);
  makeTemporary(root, container.isReadOnly);
  if (description.store)
    assembleFarm(makeFolderThroughLinks(root, description.store->folder, 0755), *description.store);
  for (const Volume& volume : container.volumes) mountVolume(root, volume);
  makeFolderThroughLinks(root, container.workingFolder, 0755);
  if (container.isReadOnly) makeReadOnly(description.root);
  detachOldRoot(root);
  if (chdir(container.workingFolder.c_str()) != 0)
    throw Problem("the working folder " + container.workingFolder +
                  " cannot be entered: " + std::strerror(errno));
}

}  // namespace laminix::farm
