#include <atomic>
#include <utility>

#include "daemon/calls.h"

namespace laminix::daemon {

namespace {

/** Large enough that handing one over costs nothing beside it. */
constexpr std::size_t chunkSize = 256 << 10;

/**
 * Copies a NAR as it comes. There is no telling where one ends but by reading it, nor that what stands where
 * a length should is the daemon's error; so its structure is followed, and files are passed on unread (Nix
 * manual, "Nix Archive (NAR) format").
 */
class Nar final : public NarCall {
 public:
  explicit Nar(std::string path) : path_(std::move(path)) {}

  std::size_t ask(Encoder& out, std::uint64_t) override {
    out.number(operation::narFromPath).string(path_).endRequest();
    return 1;
  }

  std::size_t take(Turn& turn) override {
    turn_ = &turn;
    expect("nix-archive-1");
    readNodes();
    hand();
    return 0;
  }

  Value result() override { return {}; }
  void want() override { wanted_++; }

 private:
  void readNodes() {
    // How many folders are open.
    std::size_t depth = 0;
    do {
      if (readNodeStart()) {
        depth++;
      } else if (depth > 0) {
        expect(")");  // the entry that the node is in
      }
      while (depth > 0 && !readEntryStart()) {
        depth--;
        if (depth > 0) expect(")");
      }
    } while (depth > 0);
  }

  /** Up to where a folder's entries begin (true), or to the end of a node that is no folder (false). */
  bool readNodeStart() {
    expect("(");
    expect("type");
    std::string_view type = token();
    if (type == "directory") return true;
    if (type == "symlink") {
      expect("target");
      token();
      expect(")");
      return false;
    }
    if (type != "regular") throw malformed();
    std::string_view next = token();
    if (next == "executable") {
      expect("");
      next = token();
    }
    if (next == "contents") {
      passContents();
      next = token();
    }
    if (next != ")") throw malformed();
    return false;
  }

  /** Up to where an entry's node begins (true), or to the end of the folder (false). */
  bool readEntryStart() {
    std::string_view next = token();
    if (next == ")") return false;
    if (next != "entry") throw malformed();
    expect("(");
    expect("name");
    token();
    expect("node");
    return true;
  }

  void expect(std::string_view text) {
    if (token() != text) throw malformed();
  }

  static ProtocolError malformed() { return ProtocolError("the daemon sent something that is no NAR"); }

  /** The next string, good until the next one. */
  std::string_view token() {
    std::uint64_t length = lengthOfNext();
    std::string_view text = turn_->in.body(length, maxShortLength, "a name in a NAR");
    put(text);
    putPadding(length);
    return text;
  }

  void passContents() {
    std::uint64_t length = lengthOfNext();
    for (std::uint64_t left = length; left > 0;) {
      std::size_t most = left < chunkSize ? static_cast<std::size_t>(left) : chunkSize;
      std::string_view bytes = turn_->in.some(most);
      put(bytes);
      left -= bytes.size();
    }
    turn_->in.padding(length, "a file in a NAR");
    putPadding(length);
  }

  std::uint64_t lengthOfNext() {
    std::uint64_t length = turn_->in.number();
    if (length == errorMessage) throw FatalError(readError(turn_->in).coded());
    char bytes[8];
    for (int i = 0; i < 8; i++) bytes[i] = static_cast<char>(length >> (8 * i));
    put({bytes, sizeof bytes});
    return length;
  }

  void putPadding(std::uint64_t length) {
    constexpr std::string_view zeros("\0\0\0\0\0\0\0", 7);
    put(zeros.substr(0, (8 - length % 8) % 8));
  }

  void put(std::string_view bytes) {
    chunk_.append(bytes);
    if (chunk_.size() >= chunkSize) hand();
  }

  /** Gives the chunk away once it is wanted. */
  void hand() {
    while (wanted_ == 0) turn_->rest();
    wanted_--;
    turn_->tell(Chunk{std::exchange(chunk_, {})});
    chunk_.reserve(chunkSize + maxShortLength);
  }

  const std::string path_;
  std::atomic<std::size_t> wanted_ = 0;
  std::string chunk_;
  Turn* turn_ = nullptr;
};

}  // namespace

std::shared_ptr<NarCall> callNar(std::string path) { return std::make_shared<Nar>(std::move(path)); }

}  // namespace laminix::daemon
