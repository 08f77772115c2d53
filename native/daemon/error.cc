#include "daemon/error.h"

#include <cerrno>
#include <system_error>

namespace laminix::daemon {

std::string errnoName(int errorNumber) {
  switch (errorNumber) {
    case E2BIG:
      return "E2BIG";
    case EACCES:
      return "EACCES";
    case EAGAIN:
      return "EAGAIN";
    case ECONNREFUSED:
      return "ECONNREFUSED";
    case ECONNRESET:
      return "ECONNRESET";
    case EISDIR:
      return "EISDIR";
    case ELOOP:
      return "ELOOP";
    case EMFILE:
      return "EMFILE";
    case ENAMETOOLONG:
      return "ENAMETOOLONG";
    case ENFILE:
      return "ENFILE";
    case ENOENT:
      return "ENOENT";
    case ENOEXEC:
      return "ENOEXEC";
    case ENOMEM:
      return "ENOMEM";
    case ENOTDIR:
      return "ENOTDIR";
    case ENOTSOCK:
      return "ENOTSOCK";
    case EPERM:
      return "EPERM";
    case EPIPE:
      return "EPIPE";
    case EPROTOTYPE:
      return "EPROTOTYPE";
    default:
      return "errno " + std::to_string(errorNumber);
  }
}

CodedError noDaemon(const std::string& what, int errorNumber) {
  CodedError error(code::noDaemon, what + ": " + std::generic_category().message(errorNumber));
  error.errnoName = errnoName(errorNumber);
  return error;
}

std::string withoutEscapes(const std::string& text) {
  constexpr char escape = '\x1b';
  std::string result;
  result.reserve(text.size());
  std::size_t i = 0;
  while (i < text.size()) {
    if (text[i] != escape) {
      result += text[i++];
      continue;
    }
    i++;
    if (i < text.size() && text[i] == '[') {
      // ECMA-48: parameter and intermediate bytes, then one final byte from 0x40 to 0x7e.
      i++;
      while (i < text.size() && !(text[i] >= 0x40 && text[i] <= 0x7e)) i++;
      if (i < text.size()) i++;
    } else if (i < text.size() && text[i] == ']') {
      // Ends with BEL or with ESC \.
      while (i < text.size() && text[i] != '\a' && text[i] != escape) i++;
      if (i < text.size()) i += text[i] == '\a' ? 1 : 2;
    }
  }
  return result;
}

}  // namespace laminix::daemon
