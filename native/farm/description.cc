#include "farm/description.h"

#include <fstream>
#include <iterator>

#include "farm/failure.h"

namespace laminix::farm {

namespace {

std::vector<std::string> wordsOf(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) fail("the description cannot be read");
  std::vector<std::string> words;
  for (std::string word; std::getline(stream, word, '\0');) words.push_back(word);
  return words;
}

}  // namespace

Description readDescription(const std::string& file) {
  const std::vector<std::string> words = wordsOf(file);
  Description result;
  std::size_t at = 0;
  auto next = [&]() -> const std::string& {
    if (at == words.size()) throw Failure("the description is cut short");
    return words[at++];
  };
  while (result.command.empty()) {
    const std::string key = next();
    if (key == "root") {
      result.root = next();
    } else if (key == "overlay") {
      result.overlay = next();
    } else if (key == "status") {
      result.status = next();
    } else if (key == "folder") {
      const std::string& mode = next();
      result.folders.push_back({static_cast<mode_t>(std::stoul(mode, nullptr, 8)), next()});
    } else if (key == "bind") {
      const std::string& source = next();
      result.binds.push_back({source, next()});
    } else if (key == "resolver") {
      result.resolver = next();
    } else if (key == "network") {
      result.network = true;
    } else if (key == "environment") {
      result.environment.push_back(next());
    } else if (key == "command") {
      do result.command.push_back(next());
      while (at < words.size());
    } else {
      throw Failure("the description has an unknown key: " + key);
    }
  }
  return result;
}

}  // namespace laminix::farm
