#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace laminix::farm {

struct User {
  uid_t id = 0;
  gid_t group = 0;
  std::vector<gid_t> groups;
  /** Empty where nothing tells it. */
  std::string home;
};

/**
 * The user that an image's configuration names, as /etc/passwd and /etc/group of the root have it.
 * @param text `USER[:GROUP]`, by name or number; root if empty (OCI image-spec, config.md, "User")
 * @throws Problem for a name that is not there
 */
User findUser(const std::string& text);

/** Becomes the user, for good. */
void become(const User& user);

/**
 * Enters a user namespace where the one user that this one has, root, has another number.
 * Needs /proc.
 */
void renameRoot(const User& user);

}  // namespace laminix::farm
