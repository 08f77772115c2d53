#include "farm/resolver.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "farm/failure.h"
#include "farm/within.h"

namespace laminix::farm {

ResolverPlace makeResolverPlace(int root) {
  const std::string etc = folderWithoutLinks(root, "/etc");
  if (etc.empty()) return {};
  const std::string path = etc + "/resolv.conf";
  const Place place = placeIn(root, path);
  struct stat found;
  if (fstatat(place.folder.get(), place.name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0)
    return S_ISREG(found.st_mode) ? ResolverPlace{path} : ResolverPlace{};
  const Fd folder(openat(place.folder.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  constexpr int flags = O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC;
  const Fd file(openat(folder.get(), place.name.c_str(), flags, 0644));
  if (file.get() < 0) fail("the image's resolv.conf cannot be made");
  return {path, true};
}

}  // namespace laminix::farm
