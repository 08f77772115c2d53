#include "daemon/closure.h"

#include <algorithm>
#include <numeric>
#include <span>

#include "daemon/error.h"
#include "daemon/operations.h"
#include "daemon/store_path.h"

namespace laminix::daemon {

namespace {

template <class T>
std::span<const T> row(const std::vector<T>& items, const std::vector<std::uint32_t>& offsets,
                       std::size_t i) {
  return std::span(items).subspan(offsets[i], offsets[i + 1] - offsets[i]);
}

CodedError notValid(const std::string& path, const std::string& why) {
  CodedError error(code::pathNotValid, "'" + path + "'" + why);
  error.path = path;
  return error;
}

}  // namespace

/** Appends the fields of one answer to the columns. */
struct ClosureWalk::Sink {
  ClosureWalk& walk;
  Closure& found = walk.found_;

  void deriver(std::string_view path) {
    if (!path.empty() && baseNameIn(walk.storeDir_, path).empty()) {
      throw ProtocolError("the daemon sent a deriver that is not a path in " + walk.storeDir_);
    }
    found.derivers.push(path);
  }
  void narHash(std::string_view base16) {
    Sha256 hash = parseNarHash(base16);
    found.narHashes.insert(found.narHashes.end(), hash.begin(), hash.end());
  }
  void reference(std::string_view path) { found.references.push_back(walk.idOf(path, "a reference")); }
  void registrationTime(std::uint64_t seconds) {
    endReferences();
    found.registrationTimes.push_back(static_cast<double>(seconds));
  }
  void narSize(std::uint64_t bytes) { found.narSizes.push_back(static_cast<double>(bytes)); }
  void ultimate(bool value) { found.ultimate.push_back(value); }
  void signature(std::string_view text) { found.signatures.push(text); }
  void ca(std::string_view text) {
    found.signatureRows.push_back(static_cast<std::uint32_t>(found.signatures.size()));
    found.cas.push(text);
  }

 private:
  /** A daemon sends a set; a repeated item would make rows that are no set. */
  void endReferences() {
    auto begin = found.references.begin() + found.referenceOffsets.back();
    std::sort(begin, found.references.end());
    found.references.erase(std::unique(begin, found.references.end()), found.references.end());
    if (found.references.size() > UINT32_MAX)
      throw ProtocolError("the daemon sent more references than can be");
    found.referenceOffsets.push_back(static_cast<std::uint32_t>(found.references.size()));
  }
};

ClosureWalk::ClosureWalk(std::string storeDir, const std::vector<std::string>& roots, bool inBatches)
    : storeDir_(std::move(storeDir)), inBatches_(inBatches) {
  for (const std::string& root : roots) {
    std::string_view name = baseNameIn(storeDir_, root);
    if (name.empty()) throw notValid(root, " is not a store path in " + storeDir_);
    if (names_.find(name) == BaseNames::none) names_.add(name);
  }
}

std::size_t ClosureWalk::ask(Encoder& out) { return askNew(out); }

std::size_t ClosureWalk::take(Decoder& in, Encoder& out) {
  if (inBatches_) {
    takeBatch(in);
  } else {
    Id id = static_cast<Id>(rows_.size());
    if (!in.boolean()) throw notInStore(id);
    Sink sink{*this};
    readPathInfo(in, sink);
    rows_.push_back(id);
  }
  return askNew(out);
}

/** The answer about all paths that were asked about and have no row yet, in any order. */
void ClosureWalk::takeBatch(Decoder& in) {
  std::size_t first = rows_.size();
  rows_.resize(asked_, BaseNames::none);
  for (std::uint64_t n = in.count("the number of path infos"); n > 0; n--) {
    Id id = names_.find(baseNameIn(storeDir_, in.string(maxShortLength, "a store path")));
    if (id == BaseNames::none || id < first || id >= asked_ || rows_[id] != BaseNames::none) {
      throw ProtocolError("the daemon sent a path info that it was not asked for");
    }
    rows_[id] = static_cast<Id>(found_.narSizes.size());
    Sink sink{*this};
    readPathInfo(in, sink);
  }
  for (std::size_t id = first; id < rows_.size(); id++) {
    if (rows_[id] == BaseNames::none) throw notInStore(static_cast<Id>(id));
  }
}

CodedError ClosureWalk::notInStore(Id id) const {
  return notValid(storeDir_ + "/" + std::string(names_[id]), " is not valid in the store");
}

ClosureWalk::Id ClosureWalk::idOf(std::string_view path, const char* what) {
  bool inside =
      path.size() > storeDir_.size() && path.starts_with(storeDir_) && path[storeDir_.size()] == '/';
  if (inside) {
    std::string_view name = path.substr(storeDir_.size() + 1);
    Id id = names_.find(name);
    if (id != BaseNames::none) return id;
    if (isBaseName(name)) {
      if (names_.size() >= maxListLength) throw ProtocolError("the daemon's closure has too many paths");
      return names_.add(name);
    }
  }
  throw ProtocolError(std::string("the daemon sent ") + what + " that is not a path in " + storeDir_);
}

std::size_t ClosureWalk::askNew(Encoder& out) {
  std::size_t count = names_.size() - asked_;
  if (count == 0) return 0;
  if (inBatches_) out.number(operation::queryPathInfos).number(count);
  path_.assign(storeDir_).push_back('/');
  for (; asked_ < names_.size(); asked_++) {
    path_.resize(storeDir_.size() + 1);
    path_.append(names_[asked_]);
    if (!inBatches_) out.number(operation::queryPathInfo);
    out.string(path_);
    if (!inBatches_) out.endRequest();
  }
  if (!inBatches_) return count;
  out.endRequest();
  return 1;
}

/** Ids in post-order of a walk that takes nodes, and the references of each, by name. */
std::vector<ClosureWalk::Id> ClosureWalk::topologicalOrder() const {
  std::size_t count = names_.size();
  std::vector<Id> byName(count), rank(count);
  std::iota(byName.begin(), byName.end(), 0);
  std::sort(byName.begin(), byName.end(), [&](Id a, Id b) { return names_[a] < names_[b]; });
  for (Id i = 0; i < count; i++) rank[byName[i]] = i;

  // References as ranks, so that every comparison from here on is one of numbers.
  std::vector<std::uint32_t> references(found_.references.size());
  for (Id id = 0; id < count; id++) {
    auto begin = references.begin() + found_.referenceOffsets[rows_[id]],
         end = references.begin() + found_.referenceOffsets[rows_[id] + 1];
    auto ids = row(found_.references, found_.referenceOffsets, rows_[id]);
    std::transform(ids.begin(), ids.end(), begin, [&](Id reference) { return rank[reference]; });
    std::sort(begin, end);
  }

  enum State : std::uint8_t { unseen, open, done };
  std::vector<State> states(count, unseen);
  struct Frame {
    Id id;
    std::uint32_t next;
  };
  std::vector<Frame> stack;
  std::vector<Id> order;
  order.reserve(count);
  auto enter = [&](Id id) {
    states[id] = open;
    stack.push_back({id, found_.referenceOffsets[rows_[id]]});
  };
  for (Id start : byName) {
    if (states[start] == unseen) enter(start);
    while (!stack.empty()) {
      Frame& frame = stack.back();
      if (frame.next == found_.referenceOffsets[rows_[frame.id] + 1]) {
        states[frame.id] = done;
        order.push_back(frame.id);
        stack.pop_back();
        continue;
      }
      Id reference = byName[references[frame.next++]];
      if (reference == frame.id || states[reference] == done) continue;
      if (states[reference] == open) {
        throw ProtocolError("the daemon's references make a cycle through " + std::string(names_[reference]));
      }
      enter(reference);
    }
  }
  return order;
}

Closure ClosureWalk::result() const {
  std::vector<Id> order = topologicalOrder();
  std::vector<std::uint32_t> rowOf(order.size());
  for (std::uint32_t i = 0; i < order.size(); i++) rowOf[order[i]] = i;

  Closure result;
  for (Id id : order) {
    result.names.push(names_[id]);
    Id at = rows_[id];
    auto hash = found_.narHashes.begin() + static_cast<std::ptrdiff_t>(sizeof(Sha256) * at);
    result.narHashes.insert(result.narHashes.end(), hash, hash + sizeof(Sha256));
    result.narSizes.push_back(found_.narSizes[at]);
    result.registrationTimes.push_back(found_.registrationTimes[at]);
    result.ultimate.push_back(found_.ultimate[at]);
    result.derivers.push(found_.derivers[at]);
    result.cas.push(found_.cas[at]);

    for (Id reference : row(found_.references, found_.referenceOffsets, at)) {
      result.references.push_back(rowOf[reference]);
    }
    std::sort(result.references.begin() + result.referenceOffsets.back(), result.references.end());
    result.referenceOffsets.push_back(static_cast<std::uint32_t>(result.references.size()));

    for (auto i = found_.signatureRows[at]; i < found_.signatureRows[at + 1]; i++) {
      result.signatures.push(found_.signatures[i]);
    }
    result.signatureRows.push_back(static_cast<std::uint32_t>(result.signatures.size()));
  }
  return result;
}

}  // namespace laminix::daemon
