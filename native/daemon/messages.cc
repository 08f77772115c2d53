#include "daemon/messages.h"

#include <cstdio>

namespace laminix::daemon {

namespace {

enum Message : std::uint64_t {
  next = 0x6f6c6d67,
  last = 0x616c7473,
  error = 0x63787470,
  startActivity = 0x53545254,
  stopActivity = 0x53544f50,
  result = 0x52534c54,
};

constexpr std::uint64_t maxFields = 10'000;
constexpr std::uint64_t maxTraces = 100'000;
constexpr std::uint64_t maxLevel = 0xffffffff;

void skipFields(Decoder& in) {
  std::uint64_t fields = in.number(maxFields, "the number of a message's fields");
  for (std::uint64_t i = 0; i < fields; i++) {
    if (in.number(1, "the kind of a message's field") == 0) {
      in.number();
    } else {
      in.string(maxStringLength, "a message's field");
    }
  }
}

DaemonError readError(Decoder& in) {
  DaemonError result;
  in.string(maxShortLength, "an error's type");
  result.level = in.number(maxLevel, "an error's level");
  in.string(maxStringLength, "an error's name");
  result.message = in.string(maxStringLength, "an error's message");
  // Positions were never sent: their format is not defined.
  in.number(0, "an error's position");
  std::uint64_t traces = in.number(maxTraces, "the number of an error's traces");
  for (std::uint64_t i = 0; i < traces; i++) {
    in.number(0, "a trace's position");
    in.string(maxStringLength, "a trace");
  }
  return result;
}

}  // namespace

CodedError DaemonError::coded() const {
  std::string text = withoutEscapes(message);
  constexpr std::string_view prefix = "error:";
  if (text.starts_with(prefix)) text.erase(0, text.find_first_not_of(' ', prefix.size()));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  CodedError result(code::daemon, text);
  result.level = level;
  return result;
}

std::optional<DaemonError> readMessages(Decoder& in) {
  for (;;) {
    std::uint64_t kind = in.number();
    switch (kind) {
      case Message::last:
        return std::nullopt;
      case Message::error:
        return readError(in);
      case Message::next:
        in.string(maxStringLength, "a log line");
        break;
      case Message::startActivity:
        in.number();
        in.number(maxLevel, "an activity's level");
        in.number();
        in.string(maxStringLength, "an activity's text");
        skipFields(in);
        in.number();
        break;
      case Message::stopActivity:
        in.number();
        break;
      case Message::result:
        in.number();
        in.number();
        skipFields(in);
        break;
      default: {
        char hex[24];
        std::snprintf(hex, sizeof hex, "0x%llx", static_cast<unsigned long long>(kind));
        throw ProtocolError(std::string("the daemon sent a message of unknown kind ") + hex);
      }
    }
  }
}

}  // namespace laminix::daemon
