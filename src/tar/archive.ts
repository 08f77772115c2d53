/** An archive out of entries: its bytes, in pieces. */
import type { FilePart } from "../files/filePart.js";
import { type Entry, type HeaderEncoder, padded } from "./header.js";

/** Python's `tarfile` pads archives to whole records of 20 blocks. */
const RECORD = 10240;
/** Bytes from which on a part of a file that is in memory already is passed on as it is, not copied. */
const LARGE = 1 << 15;

/** The buffer to fill next; of at least `MIN_BUFFER` bytes. */
export type NextBuffer = () => Buffer;
/** Room for any header of a file on the disk, for names are not longer than a few thousand bytes. */
export const MIN_BUFFER = 1 << 16;

/** A file's bytes, one after another. */
export interface FileBytes {
  /** Reads on; at least one byte. */
  read(into: Buffer, at: number, length: number): number;
  /** All of it, where it may be passed on. */
  part?(): FilePart;
  /** Throws when the file is not as it was when it was opened. */
  requireUnchanged(): void;
}

/** What is yielded in place of the bytes of a file of so many, if anything is. */
export type PartOf<Part> = (file: FileBytes, size: number) => Part | undefined;

/** Bytes of a file from which on it pays to pass it on: below, a call for that costs as much as copying. */
const PASSED_ON = 1 << 16;

/** For those who can pass parts on. */
export function largePart(file: FileBytes, size: number): FilePart | undefined {
  return size > PASSED_ON ? file.part?.() : undefined;
}

/**
 * Fills a buffer, yields the filled part when there is no more room, and goes on in the next buffer. Some files may be
 * yielded themselves, in place of their bytes.
 */
export class ArchiveWriter<Part extends FilePart = never> {
  /** Encodes the headers to come. */
  encoder: HeaderEncoder;
  readonly #nextBuffer: NextBuffer;
  readonly #partOf: PartOf<Part> | undefined;
  #chunk: Buffer;
  #filled = 0;
  #total = 0;

  constructor(encoder: HeaderEncoder, nextBuffer: NextBuffer, partOf?: PartOf<Part>) {
    this.encoder = encoder;
    this.#nextBuffer = nextBuffer;
    this.#partOf = partOf;
    this.#chunk = nextBuffer();
  }

  /** A header; the bytes of a file follow it, then its padding. */
  *header(entry: Entry): Generator<Buffer, void, void> {
    const room = this.encoder.roomFor(entry);
    if (room > this.#room) yield* this.#flush(room);
    this.#write(entry);
  }

  /** A part of a file. */
  *bytes(part: Uint8Array): Generator<Uint8Array, void, void> {
    if (part.length >= LARGE) {
      if (this.#filled > 0) yield* this.#flush();
      yield part;
      return;
    }
    if (part.length > this.#room) yield* this.#flush();
    this.#chunk.set(part, this.#filled);
    this.#filled += part.length;
  }

  /** A file: header, bytes and padding at once, for this is what most of the time goes into. */
  *file(entry: Entry, file: FileBytes): Generator<Buffer | Part, void, void> {
    const room = this.encoder.roomFor(entry);
    if (room > this.#room) yield* this.#flush(room);
    this.#write(entry);
    if (entry.size === 0) return;
    const part = this.#partOf?.(file, entry.size);
    if (part) {
      yield* this.#flush();
      yield part;
    } else yield* this.#read(file, entry.size);
    file.requireUnchanged();
    const padding = padded(entry.size) - entry.size;
    if (padding > this.#room) yield* this.#flush();
    this.#zeros(padding);
  }

  /** What comes after a file of so many bytes. */
  *padding(size: number): Generator<Buffer, void, void> {
    const padding = padded(size) - size;
    if (padding > this.#room) yield* this.#flush();
    this.#zeros(padding);
  }

  *#read(file: FileBytes, size: number): Generator<Buffer, void, void> {
    for (let left = size; left > 0;) {
      if (this.#room === 0) yield* this.#flush();
      const got = file.read(this.#chunk, this.#filled, Math.min(left, this.#room));
      this.#filled += got;
      left -= got;
    }
  }

  *end(): Generator<Buffer, void, void> {
    const zeros = endOfArchive(this.#total);
    if (zeros > this.#room) yield* this.#flush();
    this.#zeros(zeros);
    yield this.#chunk.subarray(0, this.#filled);
  }

  get #room(): number {
    return this.#chunk.length - this.#filled;
  }

  /** @param needed bytes; a header with large extended attributes may need more than a buffer has */
  *#flush(needed = 0): Generator<Buffer, void, void> {
    yield this.#chunk.subarray(0, this.#filled);
    const next = this.#nextBuffer();
    this.#chunk = needed > next.length ? Buffer.allocUnsafeSlow(needed) : next;
    this.#filled = 0;
  }

  #write(entry: Entry): void {
    const start = this.#filled;
    this.#filled = this.encoder.write(this.#chunk, start, entry);
    this.#total += this.#filled - start + padded(entry.size);
  }

  #zeros(count: number): void {
    this.#chunk.fill(0, this.#filled, this.#filled + count);
    this.#filled += count;
  }
}

/** How many zeros end an archive of `total` bytes: two blocks, then up to a whole record. */
export function endOfArchive(total: number): number {
  return Math.ceil((total + 1024) / RECORD) * RECORD - total;
}
