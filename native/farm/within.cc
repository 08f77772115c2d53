#include "farm/within.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>

#include <climits>
#include <memory>

#include "farm/failure.h"
#include "farm/system_calls.h"

namespace laminix::farm {

namespace {

constexpr int folderFlags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

Fd same(int fd) { return Fd(must(fcntl(fd, F_DUPFD_CLOEXEC, 0), "a folder cannot be opened")); }

/** Whether there is a folder of that name. */
bool isFolder(int at, const std::string& name, const std::string& path) {
  struct stat found;
  if (fstatat(at, name.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return false;
    fail(path);
  }
  if (S_ISLNK(found.st_mode)) throw Problem("the image has a link on the way to " + path);
  if (!S_ISDIR(found.st_mode)) throw Problem("the image has a file on the way to " + path);
  return true;
}

std::string pathOf(int fd) {
  char target[PATH_MAX];
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t size = readlink(link.c_str(), target, sizeof target);
  return size < 0 ? std::string() : std::string(target, static_cast<std::size_t>(size));
}

/** Links are followed as in a chroot. */
Fd openFolderInRoot(int root, const std::string& below) {
  open_how how{};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const int folder = static_cast<int>(syscall(SYS_openat2, root, below.c_str(), &how, sizeof how));
  // Before Linux 5.6 a folder that is a link counts as missing.
  return Fd(folder < 0 && errno == ENOSYS ? openat(root, below.c_str(), folderFlags) : folder);
}

}  // namespace

std::vector<std::string> partsOf(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const std::string_view part = path.substr(0, path.find('/'));
    if (part == "." || part == "..") throw Failure("a path is not plain: " + std::string(path));
    if (!part.empty()) parts.emplace_back(part);
    path.remove_prefix(part.size() < path.size() ? part.size() + 1 : part.size());
  }
  return parts;
}

Place placeIn(int root, const std::string& path) {
  std::vector<std::string> parts = partsOf(path);
  if (parts.empty()) throw Failure("a path has no name: " + path);
  Place place{same(root), parts.back()};
  parts.pop_back();
  for (const std::string& part : parts) {
    if (!isFolder(place.folder.get(), part, path)) throw Problem("the image has no " + path);
    place.folder = Fd(must(openat(place.folder.get(), part.c_str(), folderFlags), path));
  }
  return place;
}

void makeFolder(int root, const std::string& path, mode_t mode, std::vector<std::string>& made) {
  Fd at = same(root);
  std::string here;
  const std::vector<std::string> parts = partsOf(path);
  for (const std::string& part : parts) {
    here += "/" + part;
    if (!isFolder(at.get(), part, path)) {
      const bool isLast = &part == &parts.back();
      must(mkdirat(at.get(), part.c_str(), isLast ? mode : 0755), path + " cannot be made");
      made.insert(made.begin(), here);
    }
    at = Fd(must(openat(at.get(), part.c_str(), folderFlags), path));
  }
}

std::string makeFolderThroughLinks(int root, const std::string& path, mode_t mode) {
  Fd at = same(root);
  std::string here;
  const std::vector<std::string> parts = partsOf(path);
  for (const std::string& part : parts) {
    here += here.empty() ? part : "/" + part;
    Fd next = openFolderInRoot(root, here);
    if (next.get() < 0 && errno == ENOENT) {
      if (mkdirat(at.get(), part.c_str(), &part == &parts.back() ? mode : 0755) != 0 && errno == EEXIST)
        throw Problem("the image has a link that leads nowhere on the way to " + path);
      next = openFolderInRoot(root, here);
    }
    if (next.get() < 0 && errno == ENOTDIR) throw Problem("the image has a file on the way to " + path);
    if (next.get() < 0 && errno == ELOOP)
      throw Problem("the image has links that lead in circles on the way to " + path);
    must(next.get(), path);
    at = std::move(next);
  }
  return pathOf(at.get());
}

std::string folderWithoutLinks(int root, const std::string& path) {
  const Fd folder = openFolderInRoot(root, path.substr(path.find_first_not_of('/')));
  const std::string above = pathOf(root), found = pathOf(folder.get());
  return found.starts_with(above + "/") ? found.substr(above.size()) : std::string();
}

std::vector<std::string> namesIn(int folder) {
  const int fd = must(openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "a folder cannot be read");
  std::unique_ptr<DIR, int (*)(DIR*)> entries(fdopendir(fd), closedir);
  if (!entries) fail("a folder cannot be read");
  std::vector<std::string> names;
  while (const dirent* entry = readdir(entries.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  return names;
}

}  // namespace laminix::farm
