#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "posix/fd.h"

/**
 * Paths in a root that somebody else has filled. No link is followed on the way, or only within the root, so
 * that none leads out of it; nothing else may be changing the root meanwhile.
 */
namespace laminix::farm {

/** A name in a folder. */
struct Place {
  Fd folder;
  std::string name;
};

/** @throws Problem if there is a link or a file on the way, or nothing */
Place placeIn(int root, const std::string& path);

/**
 * Makes a folder and those above it where they are not there.
 * @param made gets the paths of those that were made, the innermost first
 * @throws Problem if there is a link or a file on the way
 */
void makeFolder(int root, const std::string& path, mode_t mode, std::vector<std::string>& made);

/**
 * As above, but links are followed, as in a chroot.
 * @returns the folder's path on this system, free of links
 * @throws Problem if there is a file on the way, or a link that leads nowhere
 */
std::string makeFolderThroughLinks(int root, const std::string& path, mode_t mode);

/** The path of a folder, free of links: those in it are followed as in a chroot. Empty if it is not there. */
std::string folderWithoutLinks(int root, const std::string& path);

/** Names in a folder. */
std::vector<std::string> namesIn(int folder);

std::vector<std::string> partsOf(std::string_view path);

}  // namespace laminix::farm
