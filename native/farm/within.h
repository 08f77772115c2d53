#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "posix/fd.h"

/**
 * Paths in a root that somebody else has filled. No link is followed on the way, so that none leads out of
 * the root; nothing else may be changing the root meanwhile.
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

/** The path of a folder, free of links: those in it are followed as in a chroot. Empty if it is not there. */
std::string folderWithoutLinks(int root, const std::string& path);

/** Names in the root's uppermost folder. */
std::vector<std::string> namesIn(int root);

std::vector<std::string> partsOf(std::string_view path);

}  // namespace laminix::farm
