#include <libdeflate.h>
#include <zstd.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <random>

#include "check.h"
#include "encode/blocks.h"
#include "encode/deflate.h"
#include "encode/pool.h"

using namespace laminix::encode;
using namespace laminix::test;

namespace {

using Bytes = std::vector<std::uint8_t>;

std::mt19937 generator(7);

Bytes noise(std::size_t size) {
  Bytes bytes(size);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(generator());
  return bytes;
}

/** Words of a few letters, and now and then an earlier part again. */
Bytes text(std::size_t size) {
  Bytes bytes;
  while (bytes.size() < size) {
    std::size_t length = 1 + generator() % 40;
    if (bytes.size() > 100 && generator() % 3 == 0) {
      std::size_t from = generator() % (bytes.size() - 40);
      for (std::size_t i = 0; i < length; i++) bytes.push_back(bytes[from + i]);
    } else {
      for (std::size_t i = 0; i < length; i++)
        bytes.push_back(static_cast<std::uint8_t>('a' + generator() % 9));
    }
  }
  bytes.resize(size);
  return bytes;
}

/** What ends in stored, fixed and dynamic blocks, in one or several of them. */
std::map<std::string, Bytes> samples() {
  Bytes mixed = text(400'000);
  for (std::uint8_t byte : noise(200'000)) mixed.push_back(byte);
  return {
      {"one byte", {'x'}},         {"a few", {'a', 'b', 'a', 'b', 'a', 'b', 'c'}},
      {"zeros", Bytes(1'000'000)}, {"text", text(500'000)},
      {"noise", noise(150'000)},   {"text, then noise", mixed},
  };
}

Bytes encoded(Deflate& encoder, const Bytes& chunk) {
  Bytes room(chunk.size() + chunk.size() / 256 + 1024);
  room.resize(encoder.encode(chunk, room));
  return room;
}

Bytes deflated(const Bytes& bytes, int level) {
  auto* compressor = libdeflate_alloc_compressor(level);
  Bytes out(libdeflate_deflate_compress_bound(compressor, bytes.size()));
  out.resize(libdeflate_deflate_compress(compressor, bytes.data(), bytes.size(), out.data(), out.size()));
  libdeflate_free_compressor(compressor);
  return out;
}

/** Unpacks; false where libdeflate refuses. @param used bytes of the stream */
bool inflate(const Bytes& stream, Bytes& out, std::size_t& used) {
  auto* decompressor = libdeflate_alloc_decompressor();
  std::size_t made = 0;
  auto result = libdeflate_deflate_decompress_ex(decompressor, stream.data(), stream.size(), out.data(),
                                                 out.size(), &used, &made);
  libdeflate_free_decompressor(decompressor);
  out.resize(made);
  return result == LIBDEFLATE_SUCCESS;
}

bool walks(const Bytes& stream) {
  try {
    LastBlock last = findLastBlock(stream);
    check(last.begin < last.end && last.end <= stream.size() * 8, "the block lies within the stream");
    return true;
  } catch (const std::runtime_error&) {
    return false;
  }
}

void append(Bytes& to, const Bytes& bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }

/** Waits until so many jobs are done. */
class Counter final : public Listener {
 public:
  void done(const std::shared_ptr<Job>&, Outcome outcome) override {
    std::lock_guard lock(mutex_);
    outcomes_.push_back(std::move(outcome));
    changed_.notify_all();
  }

  std::vector<Outcome> wait(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return outcomes_.size() >= count; });
    return outcomes_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Outcome> outcomes_;
};

std::shared_ptr<Job> jobOf(Bytes& memory, std::size_t length, Format format, int level, std::size_t atOnce) {
  return std::make_shared<Job>(Job{format, level, memory.data(), memory.size(), length, atOnce});
}

}  // namespace

int main() {
  return run({
      {"chunks put one after another are one stream, at every level",
       [] {
         for (int level = 0; level <= 12; level++) {
           Deflate encoder(level);
           Bytes stream;
           Bytes plain;
           for (const auto& [name, chunk] : samples()) {
             append(stream, encoded(encoder, chunk));
             append(plain, chunk);
           }
           append(stream, {3, 0});
           Bytes out(plain.size() + 1);
           std::size_t used = 0;
           check(inflate(stream, out, used), "level " + std::to_string(level) + " is read");
           expectEqual(used, stream.size(), "bytes of the stream");
           check(out == plain, "what was packed is unpacked");
         }
       }},
      {"nothing is nothing",
       [] {
         Deflate encoder(6);
         expectEqual(encoded(encoder, {}).size(), 0u, "bytes");
       }},
      {"a room that is too small is refused",
       [] {
         Deflate encoder(6);
         Bytes chunk = noise(1000);
         for (std::size_t size : {0u, 1u, 5u, 6u, 999u}) {
           Bytes room(size);
           bool refused = false;
           try {
             encoder.encode(chunk, room);
           } catch (const std::runtime_error&) {
             refused = true;
           }
           check(refused, std::to_string(size) + " bytes are refused");
         }
       }},
      {"the last block ends where the stream does, whatever follows",
       [] {
         for (const auto& [name, bytes] : samples()) {
           for (int level : {0, 1, 6, 12}) {
             Bytes stream = deflated(bytes, level);
             expectEqual((findLastBlock(stream).end + 7) / 8, stream.size(), name);
             LastBlock alone = findLastBlock(stream);
             append(stream, noise(20));
             expectEqual(findLastBlock(stream).end, alone.end, name + " with something behind");
             expectEqual(findLastBlock(stream).begin, alone.begin, name + " with something behind");
           }
         }
       }},
      {"a stream that is cut short is refused wherever it is cut",
       [] {
         for (const auto& bytes : {text(3000), noise(300), Bytes(500), Bytes{'x'}}) {
           Bytes stream = deflated(bytes, 6);
           for (std::size_t size = 0; size < stream.size(); size++) {
             // In memory of its own, so that a byte read behind it is noticed.
             check(!walks(Bytes(stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(size))),
                   std::to_string(size) + " bytes");
           }
         }
       }},
      {"what is damaged is refused, or read as libdeflate reads it",
       [] {
         int refused = 0;
         int read = 0;
         for (const auto& bytes : {text(3000), text(200), noise(300), Bytes(5000)}) {
           for (int level : {1, 12}) {
             const Bytes stream = deflated(bytes, level);
             for (int i = 0; i < 3000; i++) {
               Bytes damaged = stream;
               for (int flips = 1 + static_cast<int>(generator() % 3); flips > 0; flips--)
                 damaged[generator() % damaged.size()] ^= static_cast<std::uint8_t>(1U << generator() % 8);
               if (!walks(damaged)) {
                 refused++;
                 continue;
               }
               Bytes out(100'000);
               std::size_t used = 0;
               if (!inflate(damaged, out, used)) continue;
               read++;
               expectEqual((findLastBlock(damaged).end + 7) / 8, used, "bytes of the stream");
             }
           }
         }
         check(refused > 100 && read > 100, "there is some of either");
       }},
      {"garbage is refused, or followed within its bounds",
       [] {
         for (int i = 0; i < 20'000; i++) walks(noise(generator() % 300));
       }},
      {"a pool encodes in both formats, for as many threads as a job allows",
       [] {
         Counter counter;
         Pool pool(counter);
         const Bytes chunk = text(200'000);
         std::vector<Bytes> memories(40, Bytes(chunk.size() + 2000));
         for (std::size_t i = 0; i < memories.size(); i++) {
           std::copy(chunk.begin(), chunk.end(), memories[i].begin());
           pool.submit(jobOf(memories[i], chunk.size(), i % 2 == 0 ? Format::deflate : Format::zstd,
                             1 + static_cast<int>(i % 4), 1 + i % 3));
         }
         for (const Outcome& outcome : counter.wait(memories.size()))
           check(std::holds_alternative<Encoded>(outcome), "each is encoded");
         pool.close();
         for (std::size_t i = 1; i < memories.size(); i += 2) {
           Bytes out(chunk.size());
           std::size_t size = ZSTD_findFrameCompressedSize(memories[i].data(), memories[i].size());
           check(!ZSTD_isError(size), "a frame is whole");
           expectEqual(ZSTD_decompress(out.data(), out.size(), memories[i].data(), size), chunk.size(),
                       "bytes");
           check(out == chunk, "what was packed is unpacked");
         }
       }},
      {"a pool tells why a job fails, and goes on",
       [] {
         Counter counter;
         Pool pool(counter);
         Bytes tight = noise(1000);
         Bytes roomy(5000);
         pool.submit(jobOf(tight, tight.size(), Format::deflate, 6, 1));
         pool.submit(jobOf(tight, tight.size(), Format::zstd, 3, 1));
         pool.submit(jobOf(roomy, 1000, Format::deflate, 6, 1));
         std::vector<Outcome> outcomes = counter.wait(3);
         check(std::holds_alternative<std::string>(outcomes[0]), "deflate has no room");
         check(std::holds_alternative<std::string>(outcomes[1]), "zstd has no room");
         check(std::holds_alternative<Encoded>(outcomes[2]), "the third is encoded");
       }},
      {"what is cancelled before it is begun is not encoded, and closing forgets what waits",
       [] {
         Counter counter;
         Pool pool(counter);
         Bytes long_ = text(2'000'000);
         Bytes memory(long_.size() + 10'000);
         std::copy(long_.begin(), long_.end(), memory.begin());
         auto first = jobOf(memory, long_.size(), Format::deflate, 12, 1);
         Bytes other(1000);
         auto second = jobOf(other, 500, Format::deflate, 6, 1);
         auto third = jobOf(other, 500, Format::deflate, 6, 1);
         pool.submit(first);
         pool.submit(second);
         pool.submit(third);
         check(pool.cancel(second), "the second waits");
         check(!pool.cancel(second), "it is cancelled once");
         pool.close();
         check(counter.wait(0).size() <= 1, "the third is forgotten");
         check(other == Bytes(1000), "and untouched");
       }},
  });
}
