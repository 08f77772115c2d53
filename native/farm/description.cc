#include "farm/description.h"

#include <fstream>
#include <functional>
#include <map>
#include <string_view>

#include "farm/failure.h"

namespace laminix::farm {

namespace {

class Words {
 public:
  explicit Words(const std::string& file) {
    std::ifstream stream(file, std::ios::binary);
    if (!stream) fail("the description cannot be read");
    for (std::string word; std::getline(stream, word, '\0');) words_.push_back(word);
  }
  bool areLeft() const { return at_ < words_.size(); }
  const std::string& next() {
    if (!areLeft()) throw Failure("the description is cut short");
    return words_[at_++];
  }

 private:
  std::vector<std::string> words_;
  std::size_t at_ = 0;
};

template <typename Value>
Value& required(std::optional<Value>& value) {
  if (!value) throw Failure("the description has its keys in the wrong order");
  return *value;
}

using Read = std::function<void(Words&, Description&)>;

const std::map<std::string_view, Read> keys{
    {"root", [](Words& words, Description& to) { to.root = words.next(); }},
    {"overlay", [](Words& words, Description& to) { to.overlay = words.next(); }},
    {"status", [](Words& words, Description& to) { to.status = words.next(); }},
    {"folder",
     [](Words& words, Description& to) {
       const auto mode = static_cast<mode_t>(std::stoul(words.next(), nullptr, 8));
       to.folders.push_back({mode, words.next()});
     }},
    {"bind",
     [](Words& words, Description& to) {
       const std::string& source = words.next();
       to.binds.push_back({source, words.next()});
     }},
    {"store",
     [](Words& words, Description& to) {
       to.store = Store{words.next(), {}, {}};
     }},
    {"path",
     [](Words& words, Description& to) {
       const std::string& source = words.next();
       required(to.store).paths.push_back({source, words.next()});
     }},
    {"link",
     [](Words& words, Description& to) {
       const std::string& text = words.next();
       required(to.store).links.push_back({text, words.next()});
     }},
    {"resolver", [](Words& words, Description& to) { to.resolver = words.next(); }},
    {"network", [](Words&, Description& to) { to.network = true; }},
    {"container", [](Words&, Description& to) { to.container.emplace(); }},
    {"user", [](Words& words, Description& to) { required(to.container).user = words.next(); }},
    {"working-folder",
     [](Words& words, Description& to) { required(to.container).workingFolder = words.next(); }},
    {"volume",
     [](Words& words, Description& to) {
       const bool isReadOnly = words.next() == "ro";
       const std::string& source = words.next();
       required(to.container).volumes.push_back({isReadOnly, source, words.next()});
     }},
    {"terminal", [](Words&, Description& to) { required(to.container).hasTerminal = true; }},
    {"read-only", [](Words&, Description& to) { required(to.container).isReadOnly = true; }},
    {"alone", [](Words&, Description& to) { required(to.container).isAlone = true; }},
    {"environment", [](Words& words, Description& to) { to.environment.push_back(words.next()); }},
    {"command",
     [](Words& words, Description& to) {
       do to.command.push_back(words.next());
       while (words.areLeft());
     }},
};

}  // namespace

Description readDescription(const std::string& file) {
  Words words(file);
  Description result;
  while (words.areLeft()) {
    const std::string& key = words.next();
    const auto read = keys.find(key);
    if (read == keys.end()) throw Failure("the description has an unknown key: " + key);
    read->second(words, result);
  }
  return result;
}

}  // namespace laminix::farm
