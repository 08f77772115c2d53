#pragma once

#include <string>

#include "daemon/wire.h"

namespace laminix::test {

inline void writeFile(daemon::Encoder& out, std::string_view contents) {
  out.string("(").string("type").string("regular").string("executable").string("");
  out.string("contents").string(contents).string(")");
}

inline daemon::Encoder& beginEntry(daemon::Encoder& out, std::string_view name) {
  return out.string("entry").string("(").string("name").string(name).string("node");
}

/** A NAR with one of everything; names that are words of the format, too. */
inline void writeNar(daemon::Encoder& out, std::string_view contents = "some text") {
  out.string("nix-archive-1").string("(").string("type").string("directory");
  writeFile(beginEntry(out, ")"), contents);
  out.string(")");
  beginEntry(out, "empty").string("(").string("type").string("directory").string(")").string(")");
  beginEntry(out, "entry").string("(").string("type").string("directory");
  beginEntry(out, "contents").string("(").string("type").string("regular").string(")").string(")");
  out.string(")").string(")");
  beginEntry(out, "link").string("(").string("type").string("symlink").string("target").string("(");
  out.string(")").string(")");
  out.string(")");
}

}  // namespace laminix::test
