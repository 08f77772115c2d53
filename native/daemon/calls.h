#pragma once

#include <memory>
#include <string>
#include <vector>

#include "daemon/call.h"
#include "daemon/operations.h"

namespace laminix::daemon {

/** One of the operations that are a request and an answer. */
struct Question {
  const Operation& operation;
  /** Of the operation's request shape. */
  Item arguments;
  /** Whether anybody wants to hear what the daemon says meanwhile. */
  bool hears = false;
};

std::shared_ptr<Call> callOperation(Question question);
/**
 * A piece of the body of a framed operation, which was called on the same connection just before; an empty
 * one is the body's end.
 */
std::shared_ptr<Call> callFrame(std::string bytes);
std::shared_ptr<Call> callClosure(std::string storeDir, std::vector<std::string> roots,
                                  bool inBatches = false);

/**
 * The end of a body that is not whole: a frame longer than any can be, which the daemon answers with an
 * error. One that only sees the connection end would take a file for whole that is not.
 */
std::shared_ptr<Call> callBrokenFrame();

/** A path's NAR: in chunks, each sent only when one more is wanted. */
class NarCall : public Call {
 public:
  /** From any thread: one more chunk is wanted. Session::wake() must follow. */
  virtual void want() = 0;
};
std::shared_ptr<NarCall> callNar(std::string path);

}  // namespace laminix::daemon
