#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace laminix::farm {

/** A folder that must be in the root; one that is made for a script goes again, unless something is in it. */
struct Folder {
  mode_t mode;
  std::string path;
};

/** Something of this system that can be read in the root. */
struct Bind {
  std::string source;
  std::string target;
};

/** Something of this system that a container may change, unless it is read-only. */
struct Volume {
  bool isReadOnly;
  std::string source;
  std::string target;
};

struct Link {
  std::string text;
  std::string name;
};

/** A farm: store paths, by their names in a folder. */
struct Store {
  std::string folder;
  /** A target is a name. */
  std::vector<Bind> paths;
  std::vector<Link> links;
};

/** What a container has that a script has not. */
struct Container {
  /** As in an image's configuration: a user and a group, by name or number. */
  std::string user;
  std::string workingFolder;
  std::vector<Volume> volumes;
  /** Whether it has a terminal of its own, which shows on standard input and output. */
  bool hasTerminal = false;
  bool isReadOnly = false;
  /** Whether the user namespace has a single user, who is to be whoever the container's is. */
  bool isAlone = false;
};

/**
 * A root, what is mounted in it, and a command. Without a command, a farm that is assembled in the namespace
 * there is.
 */
struct Description {
  /** Where the root is. */
  std::string root;
  /** Options of the overlay that is mounted there; none if empty. */
  std::string overlay;
  /** How the command ended is written there. */
  std::string status;
  std::vector<Folder> folders;
  /** In the order in which they are mounted; parents first. */
  std::vector<Bind> binds;
  std::optional<Store> store;
  /** What is found as /etc/resolv.conf; none if empty. */
  std::string resolver;
  /** Whether the command is in this system's network; else it has one of its own, with nothing but localhost.
   */
  bool network = false;
  /** Absent for a script. */
  std::optional<Container> container;
  std::vector<std::string> environment;
  std::vector<std::string> command;
};

/** @param file words that each end with a NUL: a key and its values; `command` is the last key */
Description readDescription(const std::string& file);

}  // namespace laminix::farm
