#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <variant>
#include <vector>

namespace laminix::encode {

enum class Format { deflate, zstd };

/** A chunk to be encoded. What `memory` points to is the thread's until the job is done. */
struct Job {
  Format format;
  int level;
  /** The chunk first, then what it has become. */
  std::uint8_t* memory;
  std::size_t capacity;
  /** Of the chunk. */
  std::size_t length;
  /** Jobs that may be worked at while this one is, itself included. */
  std::size_t atOnce;
};

struct Encoded {
  std::size_t length;
  /** Of the chunk, for deflate. */
  std::uint32_t crc32;
};

/** The second is why a job failed. */
using Outcome = std::variant<Encoded, std::string>;

/** Who hears of jobs that are done; on the threads. */
class Listener {
 public:
  virtual ~Listener() = default;
  virtual void done(const std::shared_ptr<Job>& job, Outcome outcome) = 0;
};

/** Threads that encode, and what waits for them. They are started when they are needed, and end with the
 * pool. */
class Pool {
 public:
  explicit Pool(Listener& listener) : listener_(listener) {}
  ~Pool() { close(); }

  /** Encoded in this order. A std::system_error where no thread can be started. */
  void submit(std::shared_ptr<Job> job);
  /** @return whether nobody had begun it; the listener does not hear of it then */
  bool cancel(const std::shared_ptr<Job>& job);
  /** Forgets what waits, and waits for what is being encoded. Idempotent. */
  void close();

 private:
  void work();
  std::shared_ptr<Job> next();

  Listener& listener_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Job>> waiting_;
  std::size_t working_ = 0;
  bool closed_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace laminix::encode
