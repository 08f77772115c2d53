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

inline void writeFields(daemon::Encoder& out, std::size_t i, const std::vector<std::size_t>& references) {
  out.string(i % 2 == 0 ? pathOf(1000 + i) : "");
  std::string hash(64, '0');
  for (std::size_t k = 0; k < 64; k++) hash[k] = "0123456789abcdef"[(i + k) % 16];
  out.string(hash).number(references.size());
  for (std::size_t reference : references) out.string(pathOf(reference));
  out.number(1'600'000'000 + i).number(100 * i).number(i % 3 == 0 ? 1 : 0);
  out.number(i % 4);
  for (std::size_t k = 0; k < i % 4; k++) out.string("key-" + std::to_string(k) + ":signature");
  out.string(i % 5 == 0 ? "text:sha256:x" : "");
}

/** The answer to QueryPathInfo for node `i`; not valid if the graph does not have it. */
inline void writePathInfo(daemon::Encoder& out, const Graph& graph, std::size_t i) {
  auto found = graph.find(i);
  out.number(found == graph.end() ? 0 : 1);
  if (found != graph.end()) writeFields(out, i, found->second);
}

/** The answer to QueryPathInfos, last one first. */
inline void writePathInfos(daemon::Encoder& out, const Graph& graph, std::vector<std::size_t> nodes) {
  std::erase_if(nodes, [&](std::size_t i) { return !graph.contains(i); });
  out.number(nodes.size());
  for (auto i = nodes.rbegin(); i != nodes.rend(); i++) {
    out.string(pathOf(*i));
    writeFields(out, *i, graph.at(*i));
  }
}

inline std::size_t readNode(daemon::Decoder& in) {
  std::string path(in.string(4096, "a path"));
  return std::stoul(path.substr(storeDir.size() + 1, 32));
}

/** Answers a walk's questions from a graph until it has no more. */
inline daemon::Closure walk(const Graph& graph, const std::vector<std::size_t>& roots,
                            bool inBatches = false) {
  std::vector<std::string> paths;
  for (std::size_t root : roots) paths.push_back(pathOf(root));
  daemon::ClosureWalk walk(storeDir, paths, inBatches);
  daemon::Encoder questions;
  std::size_t open = walk.ask(questions);
  std::string bytes;
  for (; open > 0; open--) {
    bytes += questions.pending();
    questions.sent(questions.pending().size());
    Script request{bytes};
    daemon::Decoder asked(request);
    daemon::Encoder answer, read;
    read.number(asked.number());
    if (inBatches) {
      std::vector<std::size_t> nodes(asked.number());
      for (std::size_t& node : nodes) node = readNode(asked);
      read.number(nodes.size());
      for (std::size_t node : nodes) read.string(pathOf(node));
      writePathInfos(answer, graph, nodes);
    } else {
      std::size_t node = readNode(asked);
      read.string(pathOf(node));
      writePathInfo(answer, graph, node);
    }
    bytes.erase(0, read.pending().size());
    Script script(answer);
    daemon::Decoder in(script);
    open += walk.take(in, questions);
  }
  return walk.result();
}

}  // namespace laminix::test
