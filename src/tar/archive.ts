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

/** The buffer to fill next; of at least `MIN_BUFFER` bytes. */
export type NextBuffer = () => Buffer;
/** Room for any header, for names are not longer than a few thousand bytes. */
export const MIN_BUFFER = 1 << 16;

/**
 * An archive in pieces: fills a buffer, yields the filled part, and goes on in the next buffer.
 * @param fingerprint takes note of every file
 * @throws {LaminixError} ERR_FILE_CHANGED, ERR_FILE_READ, ERR_FILE_TYPE
 */
export function* archivePieces(
  entries: Iterable<Entry | DiskEntry>,
  encoder: HeaderEncoder,
  nextBuffer: NextBuffer,
  fingerprint?: Fingerprint,
): Generator<Buffer, void, void> {
  let chunk = nextBuffer();
  let filled = 0;
  let total = 0;

  for (const entry of entries) {
    if (encoder.roomFor(entry) > chunk.length - filled) {
      yield chunk.subarray(0, filled);
      chunk = nextBuffer();
      filled = 0;
    }
    const start = filled;
    filled = encoder.write(chunk, start, entry);
    total += filled - start + padded(entry.size);
    if (!isOnDisk(entry)) continue;
    fingerprint?.add(entry.stats);
    if (entry.size === 0) continue;

    const path = entry.disk;
    const fd = reading(path, () => openSync(fsPath(path), constants.O_RDONLY | constants.O_NOFOLLOW));
    try {
      for (let left = entry.size; left > 0;) {
        if (filled === chunk.length) {
          yield chunk;
          chunk = nextBuffer();
          filled = 0;
        }
        const [into, at] = [chunk, filled];
        const wanted = Math.min(left, into.length - at);
        const got = reading(path, () => readSync(fd, into, at, wanted, null));
        if (got === 0) throw changed(decode(path), "it became shorter");
        filled += got;
        left -= got;
      }
      requireUnchanged(entry, fstatSync(fd));
    } finally {
      closeSync(fd);
    }
    const padding = padded(entry.size) - entry.size;
    if (padding > chunk.length - filled) {
      yield chunk.subarray(0, filled);
      chunk = nextBuffer();
      filled = 0;
    }
    chunk.fill(0, filled, filled + padding);
    filled += padding;
  }

  const zeros = endOfArchive(total);
  if (zeros > chunk.length - filled) {
    yield chunk.subarray(0, filled);
    chunk = nextBuffer();
    filled = 0;
  }
  chunk.fill(0, filled, filled + zeros);
  yield chunk.subarray(0, filled + zeros);
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
