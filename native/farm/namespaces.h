#pragma once

#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "farm/failure.h"
#include "posix/fd.h"

namespace laminix::farm {

struct Pipe {
  Fd readEnd, writeEnd;
};

Pipe makePipe();

/** Signals that are read, and not delivered. */
class Signals {
 public:
  explicit Signals(const std::vector<int>& signals);
  int get() const { return fd_.get(); }
  /** @returns 0 if there is none */
  int next() const;

 private:
  Fd fd_;
};

/** As fork(2), but the child is the first process of new namespaces. */
pid_t forkIntoNamespaces(bool hasNetwork);

/** Closes a descriptor and all above. */
void closeFrom(int least);

/**
 * The descriptors that the first process of the namespaces has beside its standard ones: one that is told how
 * the command ended, a `Report`, and one that ends with the process that watches over it.
 */
constexpr int reportFd = 3;
constexpr int aliveFd = 4;

/** Leaves the first process only what it needs: other descriptors lead to this system's files. */
void keepOnly(int report, int alive) noexcept;

/** A kind, and text: the command's exit status, what of the image is in the way, or what this system does not
 * give. */
struct Report {
  enum Kind : char { ended = 'e', problem = 'p', failure = 'f' };
};

/** To `reportFd`. The first report counts. */
void send(Report::Kind kind, const std::string& text);

/** Does a process's work, and ends it. What is thrown is reported. */
template <typename Work>
[[noreturn]] void reporting(Work work) {
  try {
    work();
  } catch (const Problem& problem) {
    send(Report::problem, problem.what());
  } catch (const std::exception& failure) {
    send(Report::failure, failure.what());
  }
  _exit(0);
}

/**
 * Reads the first report. @returns the command's exit status; 137 if the first process was killed
 * @throws Problem, Failure as reported
 */
std::string receive(const Fd& reports);

}  // namespace laminix::farm
