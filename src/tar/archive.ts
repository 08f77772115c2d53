/** An archive out of entries: its bytes, in pieces. */
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from "node:fs";
import { decode, fsPath } from "./byteString.js";
import { type Entry, type HeaderEncoder, padded } from "./header.js";
import { changed, type DiskEntry, reading } from "./walk.js";

/** Python's `tarfile` pads archives to whole records of 20 blocks. */
export const RECORD = 10240;
/** Bytes in a piece: large enough that a call costs nothing beside it, small enough to stay in the processor's cache. */
export const PIECE = 1 << 20;

/** Notices whether two readings of the same files saw the same files. */
export class Fingerprint {
  #state = 0;

  add(stats: Stats): void {
    // FNV-1a over what a change of a file cannot leave alone.
    for (const value of [stats.ino, stats.size, stats.mtimeMs, stats.ctimeMs]) {
      this.#state = Math.imul(this.#state ^ ((value % 0x1_0000_0000) | 0), 0x0100_0193);
      this.#state = Math.imul(this.#state ^ (((value * 1000) % 0x1_0000_0000) | 0), 0x0100_0193);
    }
  }

  get value(): number {
    return this.#state >>> 0;
  }
}

/**
 * An archive in pieces: fills the buffer, yields the filled part, and fills it again when asked for more.
 * @param fingerprint takes note of every file
 * @throws {LaminixError} ERR_FILE_CHANGED, ERR_FILE_READ, ERR_FILE_TYPE
 */
export function* archivePieces(
  entries: Iterable<Entry | DiskEntry>,
  encoder: HeaderEncoder,
  chunk: Buffer,
  fingerprint?: Fingerprint,
): Generator<Buffer, void, void> {
  let filled = 0;
  let total = 0;

  for (const entry of entries) {
    const header = encoder.encode(entry);
    total += header.length + padded(entry.size);
    for (let from = 0; from < header.length;) {
      if (filled === chunk.length) {
        yield chunk;
        filled = 0;
      }
      const copied = header.copy(chunk, filled, from);
      filled += copied;
      from += copied;
    }
    if (!isOnDisk(entry)) continue;
    fingerprint?.add(entry.stats);
    if (entry.size === 0) continue;

    const path = entry.disk;
    const fd = reading(path, () => openSync(fsPath(path), constants.O_RDONLY | constants.O_NOFOLLOW));
    try {
      for (let left = entry.size; left > 0;) {
        if (filled === chunk.length) {
          yield chunk;
          filled = 0;
        }
        const at = filled;
        const wanted = Math.min(left, chunk.length - at);
        const got = reading(path, () => readSync(fd, chunk, at, wanted, null));
        if (got === 0) throw changed(decode(path), "it became shorter");
        filled += got;
        left -= got;
      }
      requireUnchanged(entry, fstatSync(fd));
    } finally {
      closeSync(fd);
    }
    for (let padding = padded(entry.size) - entry.size; padding > 0;) {
      if (filled === chunk.length) {
        yield chunk;
        filled = 0;
      }
      const zeros = Math.min(padding, chunk.length - filled);
      chunk.fill(0, filled, filled + zeros);
      filled += zeros;
      padding -= zeros;
    }
  }

  for (let zeros = endOfArchive(total); zeros > 0;) {
    if (filled === chunk.length) {
      yield chunk;
      filled = 0;
    }
    const now = Math.min(zeros, chunk.length - filled);
    chunk.fill(0, filled, filled + now);
    filled += now;
    zeros -= now;
  }
  yield chunk.subarray(0, filled);
}

/** How many zeros end an archive of `total` bytes: two blocks, then up to a whole record. */
export function endOfArchive(total: number): number {
  return Math.ceil((total + 1024) / RECORD) * RECORD - total;
}

function isOnDisk(entry: Entry | DiskEntry): entry is DiskEntry {
  return "disk" in entry;
}

function requireUnchanged(entry: DiskEntry, now: Stats): void {
  const before = entry.stats;
  if (
    now.size !== before.size ||
    now.ino !== before.ino ||
    now.mtimeMs !== before.mtimeMs ||
    now.ctimeMs !== before.ctimeMs
  ) {
    throw changed(decode(entry.disk), "it was written to");
  }
}
