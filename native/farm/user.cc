#include "farm/user.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <sstream>

#include "farm/failure.h"
#include "posix/fd.h"

namespace laminix::farm {

namespace {

/** Bytes that are read of a file of the image. */
constexpr std::size_t most = 16 << 20;

std::string contentsOf(const char* path) {
  // Not a pipe that nobody writes to.
  const Fd file(open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  struct stat found;
  if (file.get() < 0 || fstat(file.get(), &found) != 0 || !S_ISREG(found.st_mode)) return "";
  std::string text(std::min(static_cast<std::size_t>(found.st_size), most), '\0');
  const ssize_t size = read(file.get(), text.data(), text.size());
  text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return text;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

/** Lines of passwd(5) and group(5), in fields; those that have too few are left out. */
std::vector<std::vector<std::string>> linesOf(const char* path, std::size_t fields) {
  std::vector<std::vector<std::string>> lines;
  for (const std::string& line : split(contentsOf(path), '\n')) {
    std::vector<std::string> parts = split(line, ':');
    parts.resize(std::max(parts.size(), fields));
    if (!parts[0].empty()) lines.push_back(std::move(parts));
  }
  return lines;
}

std::optional<std::uint32_t> numberIn(const std::string& text) {
  const bool isNumber =
      !text.empty() && text.size() <= 10 && text.find_first_not_of("0123456789") == std::string::npos;
  if (!isNumber) return std::nullopt;
  const unsigned long long number = std::stoull(text);
  if (number >= 0xffff'ffffULL) return std::nullopt;
  return static_cast<std::uint32_t>(number);
}

gid_t groupOf(const std::string& text) {
  for (const auto& line : linesOf("/etc/group", 4))
    if (line[0] == text) return numberIn(line[2]).value_or(0);
  if (const auto number = numberIn(text)) return *number;
  throw Problem("the image has no group " + text + " in /etc/group");
}

std::vector<gid_t> groupsOf(const std::string& name) {
  std::vector<gid_t> groups;
  for (const auto& line : linesOf("/etc/group", 4)) {
    const std::vector<std::string> members = split(line[3], ',');
    const auto number = numberIn(line[2]);
    if (number && std::find(members.begin(), members.end(), name) != members.end()) groups.push_back(*number);
  }
  return groups;
}

void writeTo(const char* path, const std::string& text) {
  const Fd file(must(open(path, O_WRONLY | O_CLOEXEC), path));
  must(write(file.get(), text.data(), text.size()), path);
}

}  // namespace

User findUser(const std::string& text) {
  const std::size_t colon = text.find(':');
  const std::string name = text.empty() ? "0" : text.substr(0, colon);
  User user;
  const auto number = numberIn(name);
  bool isKnown = false;
  for (const auto& line : linesOf("/etc/passwd", 7)) {
    const auto id = numberIn(line[2]);
    if (line[0] != name && !(number && id == number)) continue;
    user = {id.value_or(0), numberIn(line[3]).value_or(0), groupsOf(line[0]), line[5]};
    isKnown = true;
    break;
  }
  if (!isKnown && !number) throw Problem("the image has no user " + name + " in /etc/passwd");
  if (!isKnown) user.id = *number;
  if (colon != std::string::npos) {
    user.group = groupOf(text.substr(colon + 1));
    user.groups.clear();
  }
  return user;
}

void become(const User& user) {
  // Denied in a user namespace with a single group; the groups are the user's own then.
  if (setgroups(user.groups.size(), user.groups.data()) != 0) setgroups(0, nullptr);
  const auto set = [](int result, const char* what, std::uint32_t number) {
    if (result == 0) return;
    if (errno == EINVAL)
      throw Problem(std::string(what) + " " + std::to_string(number) + " is not mapped here");
    fail(what);
  };
  set(setresgid(user.group, user.group, user.group), "the group", user.group);
  set(setresuid(user.id, user.id, user.id), "the user", user.id);
}

void renameRoot(const User& user) {
  must(unshare(CLONE_NEWUSER), "a user namespace cannot be had");
  writeTo("/proc/self/setgroups", "deny");
  writeTo("/proc/self/uid_map", std::to_string(user.id) + " 0 1");
  writeTo("/proc/self/gid_map", std::to_string(user.group) + " 0 1");
}

}  // namespace laminix::farm
