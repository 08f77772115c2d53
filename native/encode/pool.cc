#include "encode/pool.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <span>
#include <system_error>

#include "encode/deflate.h"
#include "encode/zstd.h"

namespace laminix::encode {

namespace {

/** Encoders take up to some tens of megabytes; a thread without work lets go of its own after this time. */
constexpr std::chrono::milliseconds idle{500};

/** An encoder of the level that was last asked for. */
template <class Encoder>
class Kept {
 public:
  Encoder& of(int level) {
    if (!encoder_ || level_ != level) {
      encoder_.reset();
      encoder_.emplace(level);
      level_ = level;
    }
    return *encoder_;
  }

 private:
  std::optional<Encoder> encoder_;
  int level_ = 0;
};

/** What a thread keeps from one job to the next. */
class Encoders {
 public:
  Encoded encode(const Job& job) {
    // It cannot be encoded where it lies. What is not used of its room takes no memory.
    if (capacity_ < job.capacity) {
      room_.reset();
      room_.reset(new std::uint8_t[job.capacity]);
      capacity_ = job.capacity;
    }
    std::span<const std::uint8_t> chunk(job.memory, job.length);
    std::span<std::uint8_t> room(room_.get(), job.capacity);
    bool isZstd = job.format == Format::zstd;
    // A frame of zstd has its own.
    std::uint32_t checksum = isZstd ? 0 : crc32(chunk);
    std::size_t length =
        isZstd ? zstd_.of(job.level).encode(chunk, room) : deflate_.of(job.level).encode(chunk, room);
    std::copy_n(room.begin(), length, job.memory);
    return {length, checksum};
  }

 private:
  Kept<Deflate> deflate_;
  Kept<Zstd> zstd_;
  std::unique_ptr<std::uint8_t[]> room_;
  std::size_t capacity_ = 0;
};

}  // namespace

void Pool::submit(std::shared_ptr<Job> job) {
  std::lock_guard lock(mutex_);
  if (threads_.size() < job->atOnce && threads_.size() <= working_ + waiting_.size()) {
    try {
      threads_.emplace_back([this] { work(); });
    } catch (const std::system_error&) {
      if (threads_.empty()) throw;
    }
  }
  waiting_.push_back(std::move(job));
  changed_.notify_one();
}

bool Pool::cancel(const std::shared_ptr<Job>& job) {
  std::lock_guard lock(mutex_);
  return std::erase(waiting_, job) > 0;
}

void Pool::close() {
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    waiting_.clear();
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

/** The first that may be begun; with the mutex held. */
std::shared_ptr<Job> Pool::next() {
  auto found = std::find_if(waiting_.begin(), waiting_.end(),
                            [this](const auto& job) { return working_ < job->atOnce; });
  if (found == waiting_.end()) return nullptr;
  std::shared_ptr<Job> job = std::move(*found);
  waiting_.erase(found);
  return job;
}

void Pool::work() {
  std::optional<Encoders> encoders;
  std::unique_lock lock(mutex_);
  for (;;) {
    std::shared_ptr<Job> job;
    auto isWanted = [&] { return closed_ || (job = next()) != nullptr; };
    if (!changed_.wait_for(lock, idle, isWanted)) {
      encoders.reset();
      changed_.wait(lock, isWanted);
    }
    if (closed_) return;
    working_++;
    lock.unlock();
    Outcome outcome;
    try {
      if (!encoders) encoders.emplace();
      outcome = encoders->encode(*job);
    } catch (const std::exception& error) {
      outcome = error.what();
    }
    lock.lock();
    working_--;
    lock.unlock();
    listener_.done(job, std::move(outcome));
    lock.lock();
    // One that was told of its job may have found that too much is being worked at.
    changed_.notify_one();
  }
}

}  // namespace laminix::encode
