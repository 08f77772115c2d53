#include "daemon/calls.h"

#include <utility>

#include "daemon/path_info.h"

namespace laminix::daemon {

namespace {

class OperationCall final : public Call {
 public:
  explicit OperationCall(Question question)
      : operation_(question.operation), arguments_(std::move(question.arguments)), hears_(question.hears) {}

  std::size_t ask(Encoder& out, std::uint64_t minor) override {
    if (minor < operation_.since) {
      throw CodedError(code::unsupported, "the daemon speaks protocol 1." + std::to_string(minor) +
                                              "; this takes 1." + std::to_string(operation_.since));
    }
    out.number(operation_.number);
    encode(out, operation_.request, std::exchange(arguments_, {}), minor);
    if (operation_.body == Operation::Body::framed) {
      out.beginBody();
    } else {
      out.endRequest();
    }
    return 1;
  }
  std::size_t take(Turn& turn) override {
    item_ = decode(turn.in, operation_.answer, turn.minor);
    return 0;
  }
  Value result() override { return Answer{&operation_.answer, std::move(item_)}; }
  bool hears() const override { return hears_; }

 private:
  const Operation& operation_;
  Item arguments_;
  const bool hears_;
  Item item_;
};

/** Bytes that are part of another call's request. Frames are not padded. */
class FrameCall final : public Call {
 public:
  FrameCall(std::uint64_t length, std::string bytes) : length_(length), bytes_(std::move(bytes)) {}

  std::size_t ask(Encoder& out, std::uint64_t) override {
    out.number(length_).raw(std::exchange(bytes_, {}));
    return 0;
  }
  std::size_t take(Turn&) override { return 0; }
  Value result() override { return {}; }
  bool waitsForRoom() const override { return true; }

 private:
  const std::uint64_t length_;
  std::string bytes_;
};

/** Reads an answer that nobody wants. */
struct Nowhere {
  void deriver(std::string_view) {}
  void narHash(std::string_view) {}
  void reference(std::string_view) {}
  void registrationTime(std::uint64_t) {}
  void narSize(std::uint64_t) {}
  void ultimate(bool) {}
  void signature(std::string_view) {}
  void ca(std::string_view) {}
};

class ClosureCall final : public Call {
 public:
  ClosureCall(std::string storeDir, std::vector<std::string> roots, bool inBatches)
      : storeDir_(std::move(storeDir)), roots_(std::move(roots)), inBatches_(inBatches) {}

  std::size_t ask(Encoder& out, std::uint64_t) override {
    walk_.emplace(std::move(storeDir_), roots_, inBatches_);
    return walk_->ask(out);
  }

  std::size_t take(Turn& turn) override {
    if (cancelled()) walk_.reset();
    if (!walk_) {
      skip(turn.in);
      return 0;
    }
    try {
      return walk_->take(turn.in, turn.out);
    } catch (const CodedError&) {
      walk_.reset();
      throw;
    }
  }

  Value result() override { return walk_ ? walk_->result() : Closure(); }

 private:
  void skip(Decoder& in) const {
    Nowhere nowhere;
    if (!inBatches_) {
      if (in.boolean()) readPathInfo(in, nowhere);
      return;
    }
    for (std::uint64_t n = in.count("the number of path infos"); n > 0; n--) {
      in.string(maxShortLength, "a store path");
      readPathInfo(in, nowhere);
    }
  }

  std::string storeDir_;
  std::vector<std::string> roots_;
  const bool inBatches_;
  /** Nothing when there is no use in going on. */
  std::optional<ClosureWalk> walk_;
};

}  // namespace

std::shared_ptr<Call> callOperation(Question question) {
  return std::make_shared<OperationCall>(std::move(question));
}

std::shared_ptr<Call> callFrame(std::string bytes) {
  std::uint64_t length = bytes.size();
  return std::make_shared<FrameCall>(length, std::move(bytes));
}

std::shared_ptr<Call> callBrokenFrame() {
  // Every Nix reads a frame's length as a number of 32 bits.
  constexpr std::uint64_t tooLong = std::uint64_t{1} << 40;
  // Before it says so, it reads on to the end of the body: an empty frame, whose length is eight bytes of
  // zero.
  return std::make_shared<FrameCall>(tooLong, std::string(8, '\0'));
}

std::shared_ptr<Call> callClosure(std::string storeDir, std::vector<std::string> roots, bool inBatches) {
  return std::make_shared<ClosureCall>(std::move(storeDir), std::move(roots), inBatches);
}

}  // namespace laminix::daemon
