#include "daemon/messages.h"

#include <cstdio>

namespace laminix::daemon {

namespace {

enum MessageKind : std::uint64_t {
  next = 0x6f6c6d67,
  last = 0x616c7473,
  error = errorMessage,
  startActivity = 0x53545254,
  stopActivity = 0x53544f50,
  result = 0x52534c54,
};

constexpr std::uint64_t maxFields = 10'000;
constexpr std::uint64_t maxTraces = 100'000;
constexpr std::uint64_t maxLevel = 0xffffffff;

std::vector<Field> readFields(Decoder& in) {
  std::vector<Field> fields;
  for (std::uint64_t n = in.number(maxFields, "the number of a message's fields"); n > 0; n--) {
    if (in.number(1, "the kind of a message's field") == 0) {
      fields.emplace_back(in.number());
    } else {
      fields.emplace_back(std::string(in.string(maxStringLength, "a message's field")));
    }
  }
  return fields;
}

ActivityStart readStart(Decoder& in) {
  ActivityStart start;
  start.id = in.number();
  start.level = in.number(maxLevel, "an activity's level");
  start.type = in.number();
  start.text = withoutEscapes(std::string(in.string(maxStringLength, "an activity's text")));
  start.fields = readFields(in);
  start.parent = in.number();
  return start;
}

ActivityResult readResult(Decoder& in) {
  ActivityResult result;
  result.id = in.number();
  result.type = in.number();
  result.fields = readFields(in);
  return result;
}

std::string inWords(const std::string& message) {
  std::string text = withoutEscapes(message);
  constexpr std::string_view prefix = "error:";
  if (text.starts_with(prefix)) text.erase(0, text.find_first_not_of(' ', prefix.size()));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

}  // namespace

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
    result.traces.push_back(withoutEscapes(std::string(in.string(maxStringLength, "a trace"))));
  }
  return result;
}

CodedError DaemonError::coded() const {
  CodedError result(code::daemon, inWords(message));
  result.level = level;
  result.traces = traces;
  return result;
}

std::optional<DaemonError> readMessages(Decoder& in, const Hear& hear) {
  auto tell = [&](Message message) {
    if (hear) hear(std::move(message));
  };
  for (;;) {
    std::uint64_t kind = in.number();
    switch (kind) {
      case MessageKind::last:
        return std::nullopt;
      case MessageKind::error:
        return readError(in);
      case MessageKind::next:
        tell(LogLine{withoutEscapes(std::string(in.string(maxStringLength, "a log line")))});
        break;
      case MessageKind::startActivity:
        tell(readStart(in));
        break;
      case MessageKind::stopActivity:
        tell(ActivityStop{in.number()});
        break;
      case MessageKind::result:
        tell(readResult(in));
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
