#include "daemon/operations.h"

#include <unordered_map>
#include <utility>

#include "daemon/path_info.h"

namespace laminix::daemon {

namespace {

using namespace shape;

void checkNarHash(std::string_view text) { parseNarHash(text); }

std::vector<Shape> pathInfoParts() {
  return {optionalString("deriver"), string("narHash", checkNarHash),
          strings("references"),     number("registrationTime"),
          number("narSize"),         boolean("ultimate"),
          strings("signatures"),     optionalString("ca")};
}

std::vector<Shape> with(Shape first, std::vector<Shape> rest) {
  rest.insert(rest.begin(), std::move(first));
  return rest;
}

Shape pathInfo() { return record(pathInfoParts()); }
Shape pathAndInfo() { return record(with(string("path"), pathInfoParts())); }
Shape path() { return record({string("path")}); }
/** What an operation without a result ends with. */
Shape done() { return constant(1); }

Shape substitutable() {
  return record({string("path"), optionalString("deriver"), strings("references"), number("downloadSize"),
                 number("narSize")});
}

Shape buildResult() {
  return record({number("status"), text("message"), number("timesBuilt"), boolean("nonDeterministic"),
                 number("startTime"), number("stopTime"), since(37, optional("cpuUser", number("cpuUser"))),
                 since(37, optional("cpuSystem", number("cpuSystem"))),
                 list("outputs", record({text("id"), text("realisation")}))});
}

Operation op(std::uint64_t number, Shape request, Shape answer, std::uint64_t since = 0) {
  return {number, std::move(request), std::move(answer), Operation::Body::none, since};
}

Operation framed(std::uint64_t number, Shape request, Shape answer) {
  return {number, std::move(request), std::move(answer), Operation::Body::framed, 0};
}

std::unordered_map<std::string_view, Operation> makeOperations() {
  return {
      {"isValidPath", op(1, path(), boolean("valid"))},
      {"referrers", op(6, path(), strings("referrers"))},
      {"addToStore", framed(7,
                            record({string("name"), string("contentAddressMethod"), strings("references"),
                                    boolean("repair")}),
                            pathAndInfo())},
      {"buildPaths", op(9, record({strings("targets"), number("mode")}), done())},
      {"ensurePath", op(10, path(), done())},
      {"addTempRoot", op(11, path(), done())},
      {"addIndirectRoot", op(12, record({string("link")}), done())},
      {"roots", op(14, record({}), list("roots", record({string("link"), string("path")})))},
      {"setOptions",
       op(19,
          record({boolean("keepFailed"), boolean("keepGoing"), boolean("tryFallback"), number("verbosity"),
                  number("maxBuildJobs"), number("maxSilentTime"), /* use the build hook */ constant(1),
                  number("buildLogLevel"), /* log type, print build trace */ constant(0), constant(0),
                  number("buildCores"), boolean("useSubstitutes"),
                  list("overrides", record({string("name"), string("value")}))}),
          nothing())},
      {"collectGarbage", op(20,
                            record({number("action"), strings("paths"), /* liveness counts */ constant(0),
                                    number("maxFreed"), constant(0), constant(0), constant(0)}),
                            record({strings("paths"), number("bytesFreed"), ignored()}))},
      {"allValidPaths", op(23, record({}), strings("paths"))},
      {"pathInfo", op(operation::queryPathInfo, path(), optional("info", pathInfo()))},
      {"pathFromHashPart", op(29, record({string("hashPart")}), optionalString("path"))},
      {"substitutablePathInfos", op(30, record({list("paths", record({string("path"), string("ca")}))}),
                                    list("infos", substitutable()))},
      {"validPaths", op(31, record({strings("paths"), boolean("substitute")}), strings("paths"))},
      {"validDerivers", op(33, path(), strings("derivers"))},
      {"optimiseStore", op(34, record({}), done())},
      {"verifyStore", op(35, record({boolean("checkContents"), boolean("repair")}), boolean("errorsFound"))},
      {"addSignatures", op(37, record({string("path"), strings("signatures")}), done())},
      {"addToStoreNar", framed(39,
                               record({string("path"), optionalString("deriver"), string("narHash"),
                                       strings("references"), number("registrationTime"), number("narSize"),
                                       boolean("ultimate"), strings("signatures"), optionalString("ca"),
                                       boolean("repair"), boolean("dontCheckSignatures")}),
                               nothing())},
      {"missing", op(40, record({strings("targets")}),
                     record({strings("willBuild"), strings("willSubstitute"), strings("unknown"),
                             number("downloadSize"), number("narSize")}))},
      {"derivationOutputs",
       op(41, path(), list("outputs", record({string("name"), optionalString("path")})))},
      {"buildPathsWithResults", op(46, record({strings("targets"), number("mode")}),
                                   list("results", record({string("target"), buildResult()})), 34)},
  };
}

}  // namespace

const Operation* findOperation(std::string_view name) {
  // Never destroyed: a process that exits does not wait for connections' threads.
  static const auto& operations = *new std::unordered_map<std::string_view, Operation>(makeOperations());
  auto found = operations.find(name);
  return found == operations.end() ? nullptr : &found->second;
}

}  // namespace laminix::daemon
