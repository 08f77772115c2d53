/** An archive out of entries: its bytes, in pieces. */
import { lstatSync, readlinkSync } from "node:fs";
import { fsPath } from "./byteString.js";
import type { Fingerprint } from "./fingerprint.js";
import { type Entry, type HeaderEncoder, padded } from "./header.js";
import { OpenFile } from "./openFile.js";
import { type DiskNode, reading } from "./walk.js";

/** Python's `tarfile` pads archives to whole records of 20 blocks. */
export const RECORD = 10240;
/** Bytes in a piece: large enough that a call costs nothing beside it, small enough to stay in the processor's cache. */
export const PIECE = 1 << 19;

/** The buffer to fill next; of at least `MIN_BUFFER` bytes. */
export type NextBuffer = () => Buffer;
/** Room for any header, for names are not longer than a few thousand bytes. */
export const MIN_BUFFER = 1 << 16;

/**
 * An archive in pieces: fills a buffer, yields the filled part, and goes on in the next buffer. A hard link on the disk
 * is a file like any other: whether a store is optimised must not change the bytes.
 * @param fingerprint takes note of every file
 * @throws {LaminixError} ERR_FILE_CHANGED, ERR_FILE_READ, ERR_FILE_TYPE
 */
export function* archivePieces(
  entries: Iterable<Entry | DiskNode>,
  encoder: HeaderEncoder,
  nextBuffer: NextBuffer,
  fingerprint?: Fingerprint,
): Generator<Buffer, void, void> {
  let chunk = nextBuffer();
  let filled = 0;
  let total = 0;

  for (const item of entries) {
    const file = isFileOnDisk(item) ? OpenFile.open(item, fingerprint) : undefined;
    try {
      const entry = file?.entry ?? (isOnDisk(item) ? entryOf(item, fingerprint) : item);
      if (encoder.roomFor(entry) > chunk.length - filled) {
        yield chunk.subarray(0, filled);
        chunk = nextBuffer();
        filled = 0;
      }
      const start = filled;
      filled = encoder.write(chunk, start, entry);
      total += filled - start + padded(entry.size);
      if (!file || entry.size === 0) continue;

      for (let left = entry.size; left > 0;) {
        if (filled === chunk.length) {
          yield chunk;
          chunk = nextBuffer();
          filled = 0;
        }
        const got = file.read(chunk, filled, Math.min(left, chunk.length - filled));
        filled += got;
        left -= got;
      }
      file.requireUnchanged();
      const padding = padded(entry.size) - entry.size;
      if (padding > chunk.length - filled) {
        yield chunk.subarray(0, filled);
        chunk = nextBuffer();
        filled = 0;
      }
      chunk.fill(0, filled, filled + padding);
      filled += padding;
    } finally {
      file?.close();
    }
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

function isOnDisk(item: Entry | DiskNode): item is DiskNode {
  return "disk" in item;
}

function isFileOnDisk(item: Entry | DiskNode): item is DiskNode {
  return isOnDisk(item) && item.type === "file";
}

/** A folder, or a link, as an entry. */
function entryOf({ disk, name, type }: DiskNode, fingerprint: Fingerprint | undefined): Entry {
  const stats = reading(disk, () => lstatSync(fsPath(disk)));
  fingerprint?.add(stats);
  const mode = stats.mode & 0o7777;
  if (type === "directory") return { type, name: `${name}/`, mode, size: 0, linkname: "" };
  const linkname = reading(disk, () => readlinkSync(fsPath(disk), { encoding: "latin1" }));
  return { type, name, mode, size: 0, linkname };
}
