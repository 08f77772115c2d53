#pragma once

#include <sys/types.h>
#include <string>

#include <vector>

namespace laminix::farm {

/** A folder that must be in the root; one that is made goes again, unless something is in it. */
struct Folder {
  mode_t mode;
  std::string path;
};

/** Something of this system that can be read in the root. */
struct Bind {
  std::string source;
  std::string target;
};

/** A root, what is mounted in it, and a command. */
struct Description {
  /** Where the overlay is mounted, and its options. */
  std::string root;
  std::string overlay;
  /** How the command ended is written there. */
  std::string status;
  std::vector<Folder> folders;
  /** In the order in which they are mounted; parents first. */
  std::vector<Bind> binds;
  /** What is found as /etc/resolv.conf; none if empty. */
  std::string resolver;
  /** Whether the command is in this system's network; else it has one of its own, with nothing but localhost.
   */
  bool network = false;
  std::vector<std::string> environment;
  std::vector<std::string> command;
};

/** @param file words that each end with a NUL: a key and its values; the last key is `command` */
Description readDescription(const std::string& file);

}  // namespace laminix::farm
