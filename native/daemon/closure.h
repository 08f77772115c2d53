#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base_names.h"
#include "daemon/path_info.h"
#include "daemon/wire.h"

namespace laminix::daemon {

/** A closure in columns: row i of every column is the i-th path, each path after all that it references. */
struct Closure {
  StringColumn names;
  std::vector<std::uint8_t> narHashes;
  std::vector<double> narSizes;
  std::vector<double> registrationTimes;
  std::vector<std::uint8_t> ultimate;
  /** Row i's are those from referenceOffsets[i] to referenceOffsets[i + 1], ascending; itself is one of them.
   */
  std::vector<std::uint32_t> references;
  std::vector<std::uint32_t> referenceOffsets{0};
  StringColumn derivers;
  StringColumn cas;
  StringColumn signatures;
  /** Row i's signatures are those from signatureRows[i] to signatureRows[i + 1]. */
  std::vector<std::uint32_t> signatureRows{0};

  std::size_t size() const { return names.size(); }
};

/**
 * Finds a closure by asking for the path info of the roots, and of every path that an answer mentions for the
 * first time. Answers come in the order of the questions.
 */
class ClosureWalk {
 public:
  /**
   * ERR_PATH_NOT_VALID for a root that is no store path of `storeDir`.
   * @param inBatches asks about all paths that are new in an answer at once, which takes the feature
   *   queryPathInfos
   */
  ClosureWalk(std::string storeDir, const std::vector<std::string>& roots, bool inBatches = false);

  /** Asks about the roots; says how many answers there will be. */
  std::size_t ask(Encoder& out);
  /**
   * Reads the next answer and asks about the paths that are new in it; says about how many.
   * ERR_PATH_NOT_VALID, with the answer read, if the path is not valid.
   */
  std::size_t take(Decoder& in, Encoder& out);
  /**
   * When all answers were taken. The order of rows depends on the graph alone, not on the order of answers.
   * A ProtocolError if there is a cycle: no store can have one.
   */
  Closure result() const;

 private:
  struct Sink;
  using Id = BaseNames::Id;

  Id idOf(std::string_view path, const char* what);
  std::size_t askNew(Encoder& out);
  void takeBatch(Decoder& in);
  CodedError notInStore(Id id) const;
  std::vector<Id> topologicalOrder() const;

  std::string storeDir_;
  const bool inBatches_;
  BaseNames names_;
  /** How many of the names were asked about. */
  Id asked_ = 0;
  /** Where in found_ an id's answer is; `BaseNames::none` while there is none. */
  std::vector<Id> rows_;
  /** What was answered so far, in the order of answers; references are ids. Names are not filled in. */
  Closure found_;
  std::string path_;
};

}  // namespace laminix::daemon
