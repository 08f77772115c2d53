/** A disk's blocks, written one after the other. */
import { writeSync } from "node:fs";
import { LaminixError } from "../../errors.js";
import { BLOCK_SIZE } from "./layout.js";

/** Bytes that are written at a time. */
const PIECE = 1 << 20;

export class BlockWriter {
  readonly #fd: number;
  readonly #buffer = Buffer.allocUnsafe(PIECE);
  #filled = 0;
  #at: number;

  /** @param first the block to begin at */
  constructor(fd: number, first: number) {
    this.#fd = fd;
    this.#at = first * BLOCK_SIZE;
  }

  /** The block that comes next. */
  get block(): number {
    return (this.#at + this.#filled) / BLOCK_SIZE;
  }

  /** Bytes, and zeros up to the end of a block. @returns the first block */
  put(bytes: Uint8Array): number {
    const { block } = this;
    let done = 0;
    this.fill(bytes.length, (room, length) => {
      room.set(bytes.subarray(done, done + length));
      done += length;
      return length;
    });
    return block;
  }

  /** As many bytes as `read` gives, which is asked for up to `length` at a time. */
  fill(size: number, read: (room: Buffer, length: number) => number): void {
    for (let done = 0; done < size;) {
      if (this.#filled === PIECE) this.flush();
      const got = read(this.#buffer.subarray(this.#filled), Math.min(PIECE - this.#filled, size - done));
      this.#filled += got;
      done += got;
    }
    const end = Math.ceil(this.#filled / BLOCK_SIZE) * BLOCK_SIZE;
    this.#buffer.fill(0, this.#filled, end);
    this.#filled = end;
  }

  flush(): void {
    writeAt(this.#fd, this.#buffer.subarray(0, this.#filled), this.#at);
    this.#at += this.#filled;
    this.#filled = 0;
  }
}

/** @throws {LaminixError} ERR_FILE_WRITE */
export function writeAt(fd: number, bytes: Uint8Array, at: number): void {
  try {
    for (let done = 0; done < bytes.length;)
      done += writeSync(fd, bytes, done, bytes.length - done, at + done);
  } catch (cause) {
    const { code = "unknown" } = cause as NodeJS.ErrnoException;
    throw new LaminixError("ERR_FILE_WRITE", `a virtual machine's disk cannot be written: ${code}`, {
      cause,
      hint: "free some space, or set TMPDIR to another folder",
    });
  }
}
