#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "daemon/closure.h"
#include "script.h"

namespace laminix::test {

inline const std::string storeDir = "/nix/store";

/** The store path of node `i`: names sort like numbers. */
inline std::string baseNameOf(std::size_t i) {
  std::string digits = std::to_string(i);
  return std::string(32 - digits.size(), '0') + digits + "-node";
}

inline std::string pathOf(std::size_t i) { return storeDir + "/" + baseNameOf(i); }

using Graph = std::map<std::size_t, std::vector<std::size_t>>;

/** The answer to QueryPathInfo for node `i`; not valid if the graph does not have it. */
inline void writePathInfo(daemon::Encoder& out, const Graph& graph, std::size_t i) {
  auto found = graph.find(i);
  out.number(found == graph.end() ? 0 : 1);
  if (found == graph.end()) return;
  out.string(i % 2 == 0 ? pathOf(1000 + i) : "");
  std::string hash(64, '0');
  for (std::size_t k = 0; k < 64; k++) hash[k] = "0123456789abcdef"[(i + k) % 16];
  out.string(hash).number(found->second.size());
  for (std::size_t reference : found->second) out.string(pathOf(reference));
  out.number(1'600'000'000 + i).number(100 * i).number(i % 3 == 0 ? 1 : 0);
  out.number(i % 4);
  for (std::size_t k = 0; k < i % 4; k++) out.string("key-" + std::to_string(k) + ":signature");
  out.string(i % 5 == 0 ? "text:sha256:x" : "");
}

/** Which node a request asks about, and the request's end. */
inline std::size_t nodeAsked(daemon::Decoder& in) {
  in.number();
  std::string path(in.string(4096, "a path"));
  return std::stoul(path.substr(storeDir.size() + 1, 32));
}

/** Answers a walk's questions from a graph until it has no more. */
inline daemon::Closure walk(const Graph& graph, const std::vector<std::size_t>& roots) {
  std::vector<std::string> paths;
  for (std::size_t root : roots) paths.push_back(pathOf(root));
  daemon::ClosureWalk walk(storeDir, paths);
  daemon::Encoder questions;
  for (std::size_t open = walk.ask(questions); open > 0; open--) {
    Script request{std::string(questions.pending())};
    daemon::Decoder asked(request);
    std::size_t node = nodeAsked(asked);
    daemon::Encoder size;
    size.number(0).string(pathOf(node));
    questions.sent(size.pending().size());
    daemon::Encoder answer;
    writePathInfo(answer, graph, node);
    Script script(answer);
    daemon::Decoder in(script);
    open += walk.take(in, questions);
  }
  return walk.result();
}

}  // namespace laminix::test
