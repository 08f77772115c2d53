#include "daemon/calls.h"

#include <utility>

namespace laminix::daemon {

namespace {

/** One request, encoded beforehand, and one answer. */
class Question final : public Call {
 public:
  using Read = Value (*)(Decoder&);
  Question(const Encoder& request, Read read) : request_(request.pending()), read_(read) {}

  std::size_t ask(Encoder& out) override {
    out.raw(request_).endRequest();
    return 1;
  }
  std::size_t take(Decoder& in, Encoder&) override {
    value_ = read_(in);
    return 0;
  }
  Value result() override { return std::move(value_); }

 private:
  std::string request_;
  Read read_;
  Value value_;
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
  ClosureCall(std::string storeDir, std::vector<std::string> roots)
      : storeDir_(std::move(storeDir)), roots_(std::move(roots)) {}

  std::size_t ask(Encoder& out) override {
    walk_.emplace(std::move(storeDir_), roots_);
    return walk_->ask(out);
  }

  std::size_t take(Decoder& in, Encoder& out) override {
    if (cancelled()) walk_.reset();
    if (!walk_) {
      Nowhere nowhere;
      readPathInfoInto(in, nowhere);
      return 0;
    }
    try {
      return walk_->take(in, out);
    } catch (const CodedError&) {
      walk_.reset();
      throw;
    }
  }

  Value result() override { return walk_ ? walk_->result() : Closure(); }

 private:
  std::string storeDir_;
  std::vector<std::string> roots_;
  /** Nothing when there is no use in going on. */
  std::optional<ClosureWalk> walk_;
};

template <class... Arguments>
std::shared_ptr<Call> question(Question::Read read, void (*encode)(Encoder&, Arguments...),
                               Arguments... arguments) {
  Encoder request;
  encode(request, arguments...);
  return std::make_shared<Question>(request, read);
}

}  // namespace

std::shared_ptr<Call> callIsValidPath(std::string_view path) {
  return question([](Decoder& in) { return Value(readIsValidPath(in)); }, askIsValidPath, path);
}

std::shared_ptr<Call> callPathInfo(std::string_view path) {
  return question([](Decoder& in) { return Value(readPathInfo(in)); }, askPathInfo, path);
}

std::shared_ptr<Call> callAllValidPaths() {
  return question([](Decoder& in) { return Value(readAllValidPaths(in)); }, askAllValidPaths);
}

std::shared_ptr<Call> callPathFromHashPart(std::string_view hashPart) {
  return question([](Decoder& in) { return Value(readPathFromHashPart(in)); }, askPathFromHashPart, hashPart);
}

std::shared_ptr<Call> callAddTempRoot(std::string_view path) {
  return question(
      [](Decoder& in) {
        readAddTempRoot(in);
        return Value();
      },
      askAddTempRoot, path);
}

std::shared_ptr<Call> callClosure(std::string storeDir, std::vector<std::string> roots) {
  return std::make_shared<ClosureCall>(std::move(storeDir), std::move(roots));
}

}  // namespace laminix::daemon
