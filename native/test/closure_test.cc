#include "daemon/closure.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <set>

#include "check.h"
#include "graph.h"

using namespace laminix::daemon;
using namespace laminix::test;

namespace {

std::string rows(const Closure& closure) {
  std::string text;
  for (std::size_t i = 0; i < closure.size(); i++) {
    text += (i > 0 ? " " : "") + std::to_string(std::stoul(std::string(closure.names[i].substr(0, 32))));
  }
  return text;
}

std::size_t nodeOf(const Closure& closure, std::size_t row) {
  return std::stoul(std::string(closure.names[row].substr(0, 32)));
}

void checkConsistent(const Closure& closure, const Graph& graph) {
  for (std::size_t i = 0; i < closure.size(); i++) {
    std::size_t node = nodeOf(closure, i);
    std::set<std::size_t> expected(graph.at(node).begin(), graph.at(node).end()), actual;
    for (auto k = closure.referenceOffsets[i]; k < closure.referenceOffsets[i + 1]; k++) {
      std::uint32_t reference = closure.references[k];
      check(reference <= i, "a row comes after all that it references");
      check(k == closure.referenceOffsets[i] || closure.references[k - 1] < reference, "references ascend");
      actual.insert(nodeOf(closure, reference));
    }
    check(actual == expected, "references of node " + std::to_string(node));
    expectEqual(closure.narSizes[i], 100.0 * static_cast<double>(node), "NAR size");
    expectEqual(closure.registrationTimes[i], 1.6e9 + static_cast<double>(node), "registration time");
    expectEqual(closure.ultimate[i] != 0, node % 3 == 0, "ultimate");
    expectEqual(closure.derivers[i], node % 2 == 0 ? pathOf(1000 + node) : "", "deriver");
    expectEqual(closure.cas[i], node % 5 == 0 ? "text:sha256:x" : "", "content address");
    expectEqual(std::size_t{closure.narHashes[32 * i]} >> 4, node % 16, "NAR hash");
    expectEqual(closure.signatureRows[i + 1] - closure.signatureRows[i], node % 4, "signatures");
  }
  expectEqual(closure.referenceOffsets.back(), closure.references.size(), "last offset");
  expectEqual(closure.signatureRows.back(), closure.signatures.size(), "last signature row");
}

std::string codeOfAnswer(const std::function<void(Encoder&)>& write) {
  ClosureWalk walk(storeDir, {pathOf(1)});
  Encoder questions, answer;
  walk.ask(questions);
  write(answer);
  Script script(answer);
  Decoder in(script);
  return codeOf([&] { walk.take(in, questions); });
}

void writeAnswer(Encoder& out, std::string_view deriver, std::string_view hash, std::string_view reference) {
  out.number(1).string(deriver).string(hash).number(1).string(reference);
  out.number(1).number(1).number(0).number(0).string("");
}

}  // namespace

int main() {
  return run({
      {"in batches it is the same closure",
       [] {
         Graph graph{{1, {2, 3, 4}}, {2, {5, 2}}, {3, {5}}, {4, {5, 6}}, {5, {}}, {6, {}}, {7, {1}}};
         Closure one = walk(graph, {7, 2}), other = walk(graph, {7, 2}, true);
         check(one.names.bytes == other.names.bytes, "names");
         check(one.narHashes == other.narHashes, "hashes");
         check(one.references == other.references, "references");
         check(one.signatures.bytes == other.signatures.bytes, "signatures");
         check(one.derivers.bytes == other.derivers.bytes, "derivers");
       }},
      {"a path that a batch leaves out is not valid, one that was not asked for a protocol error",
       [] {
         Graph graph{{1, {2}}};
         expectEqual(codeOf([&] { walk(graph, {1}, true); }), code::pathNotValid, "left out");
         ClosureWalk closure(storeDir, {pathOf(1)}, true);
         Encoder questions, answer;
         closure.ask(questions);
         writePathInfos(answer, {{1, {}}, {2, {}}}, {1, 2});
         Script script(answer);
         Decoder in(script);
         expectEqual(codeOf([&] { closure.take(in, questions); }), code::protocol, "not asked for");
       }},
      {"dependencies come first, siblings by name",
       [] {
         Graph graph{{5, {3, 4, 1}}, {3, {2}}, {4, {2, 1}}, {2, {}}, {1, {}}};
         Closure closure = walk(graph, {5});
         expectEqual(rows(closure), "1 2 3 4 5", "rows");
         checkConsistent(closure, graph);
       }},
      {"a chain is turned round, whatever its names",
       [] {
         Graph graph{{1, {2}}, {2, {3}}, {3, {9}}, {9, {}}};
         expectEqual(rows(walk(graph, {1})), "9 3 2 1", "rows");
       }},
      {"the order does not depend on the order or number of roots",
       [] {
         Graph graph{{1, {6}}, {2, {6, 5}}, {3, {1, 4}}, {4, {}}, {5, {4}}, {6, {}}};
         std::string expected = rows(walk(graph, {1, 2, 3}));
         expectEqual(rows(walk(graph, {3, 2, 1})), expected, "rows");
         expectEqual(rows(walk(graph, {2, 3})), expected, "rows");
         expectEqual(rows(walk(graph, {3, 2, 3, 2})), expected, "rows");
       }},
      {"the order does not depend on the order in which references are sent",
       [] {
         std::mt19937 random(7);
         Graph graph;
         for (std::size_t i = 0; i < 300; i++) {
           for (std::size_t k = 0; k < 5 && i > 0; k++) graph[i].push_back(random() % i);
           auto& references = graph[i];
           std::sort(references.begin(), references.end());
           references.erase(std::unique(references.begin(), references.end()), references.end());
         }
         Closure first = walk(graph, {299, 298, 297});
         checkConsistent(first, graph);
         for (int round = 0; round < 5; round++) {
           for (auto& [node, references] : graph) std::shuffle(references.begin(), references.end(), random);
           Closure again = walk(graph, {297, 299, 298});
           check(again.names.bytes == first.names.bytes && again.references == first.references &&
                     again.narHashes == first.narHashes,
                 "the same closure");
         }
       }},
      {"a path that references itself does so in its row",
       [] {
         Graph graph{{1, {1, 2}}, {2, {2}}};
         Closure closure = walk(graph, {1});
         checkConsistent(closure, graph);
         expectEqual(closure.references.size(), 3u, "references");
       }},
      {"a reference that is sent twice counts once",
       [] {
         Graph graph{{1, {2, 2, 2}}, {2, {}}};
         expectEqual(walk(graph, {1}).references.size(), 1u, "references");
       }},
      {"a chain of many paths does not exhaust the stack",
       [] {
         Graph graph;
         constexpr std::size_t length = 50'000;
         for (std::size_t i = 0; i < length; i++) graph[i] = {i + 1};
         graph[length] = {};
         Closure closure = walk(graph, {0});
         expectEqual(closure.size(), length + 1, "rows");
         expectEqual(nodeOf(closure, 0), length, "first row");
       }},
      {"no roots have an empty closure",
       [] {
         Closure closure = walk({}, {});
         expectEqual(closure.size(), 0u, "rows");
         expectEqual(closure.referenceOffsets.size(), 1u, "offsets");
       }},
      {"a cycle is a protocol error",
       [] {
         expectEqual(codeOf([] { walk({{1, {2}}, {2, {3}}, {3, {1}}}, {1}); }), code::protocol, "code");
       }},
      {"a path that is not valid is named",
       [] {
         try {
           walk({{1, {2}}}, {1});
           check(false, "an error");
         } catch (const CodedError& error) {
           expectEqual(error.code, code::pathNotValid, "code");
           expectEqual(error.path.value(), pathOf(2), "path");
         }
       }},
      {"a root that is not in the store is named",
       [] {
         for (std::string root :
              {std::string("/other/") + baseNameOf(1), storeDir, storeDir + "/x", std::string()}) {
           try {
             ClosureWalk walk(storeDir, {root});
             check(false, "an error");
           } catch (const CodedError& error) {
             expectEqual(error.code, code::pathNotValid, "code");
             expectEqual(error.path.value(), root, "path");
           }
         }
       }},
      {"references and derivers outside the store are protocol errors",
       [] {
         std::string hash(64, 'a'), good = pathOf(2);
         expectEqual(codeOfAnswer([&](Encoder& out) { writeAnswer(out, "", hash, good); }), "",
                     "a good answer");
         for (std::string bad : {std::string("/nix/other/") + baseNameOf(2), storeDir + "/short",
                                 std::string(), pathOf(2) + "/bin", storeDir + "//" + baseNameOf(2)}) {
           expectEqual(codeOfAnswer([&](Encoder& out) { writeAnswer(out, "", hash, bad); }), code::protocol,
                       bad);
           if (bad.empty()) continue;
           expectEqual(codeOfAnswer([&](Encoder& out) { writeAnswer(out, bad, hash, good); }), code::protocol,
                       bad);
         }
       }},
      {"a NAR hash that is not SHA-256 in base 16 is a protocol error",
       [] {
         for (std::string hash : {std::string(), std::string(63, 'a'), std::string(64, 'g'),
                                  std::string(64, 'A'), "sha256:" + std::string(64, 'a')}) {
           expectEqual(codeOfAnswer([&](Encoder& out) { writeAnswer(out, "", hash, pathOf(2)); }),
                       code::protocol, hash);
         }
       }},
      {"a size that no double holds is a protocol error",
       [] {
         expectEqual(codeOfAnswer([](Encoder& out) {
                       out.number(1)
                           .string("")
                           .string(std::string(64, 'a'))
                           .number(0)
                           .number(1)
                           .number(maxSafeInteger + 1);
                     }),
                     code::protocol, "code");
       }},
      {"a set of names finds what was added, and nothing else",
       [] {
         BaseNames names;
         for (std::uint32_t i = 0; i < 5000; i++) {
           expectEqual(names.find(baseNameOf(i)), BaseNames::none, "before");
           expectEqual(names.add(baseNameOf(i)), i, "id");
         }
         for (std::uint32_t i = 0; i < 5000; i++) expectEqual(names.find(baseNameOf(i)), i, "after");
         expectEqual(names.find(baseNameOf(5000)), BaseNames::none, "another");
       }},
  });
}
