/** A file that is read as it was when it was opened, or not at all. */
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from "node:fs";
import { decode, fsPath } from "../bytes/byteString.js";
import type { FilePart } from "./filePart.js";
import { changed, reading } from "./walk.js";

/** Neither a link nor a pipe that has taken the file's place leads astray. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** Bytes. To look once more at a file that is not larger costs as much as reading it. */
const SMALL = 1 << 16;

export class OpenFile {
  /** As it was when it was opened. */
  readonly stats: Stats;
  readonly #disk: string;
  readonly #fd: number;
  #reads = 0;

  private constructor(disk: string, fd: number, stats: Stats) {
    this.stats = stats;
    this.#disk = disk;
    this.#fd = fd;
  }

  /**
   * @param disk where it is, a byte string
   * @throws {LaminixError} ERR_FILE_CHANGED when it is a file no longer, ERR_FILE_READ
   */
  static open(disk: string): OpenFile {
    const fd = reading(disk, () => openSync(fsPath(disk), FLAGS));
    const stats = fstatSync(fd);
    if (!stats.isFile()) {
      closeSync(fd);
      throw changed(decode(disk), "it is a file no longer");
    }
    return new OpenFile(disk, fd, stats);
  }

  /**
   * Reads on; at least one byte.
   * @throws {LaminixError} ERR_FILE_CHANGED, ERR_FILE_READ
   */
  read(into: Buffer, at: number, length: number): number {
    const got = reading(this.#disk, () => readSync(this.#fd, into, at, length, null));
    if (got === 0) throw changed(decode(this.#disk), "it became shorter");
    this.#reads++;
    return got;
  }

  /**
   * All of it, to be passed on; for the time that it is open. Until it has been read from the pipe, what is there is the
   * file itself: whoever reads an image checks digests.
   */
  part(): FilePart {
    return {
      descriptor: this.#fd,
      length: this.stats.size,
      read: (into, at, length) => this.read(into, at, length),
    };
  }

  /**
   * What changes a file between two readings of it shows in the fingerprints; this is for what changes it during one.
   * A small file that came in one piece was read at one moment.
   * @throws {LaminixError} ERR_FILE_CHANGED
   */
  requireUnchanged(): void {
    const before = this.stats;
    if (before.size <= SMALL && this.#reads <= 1) return;
    const now = fstatSync(this.#fd);
    if (now.size !== before.size || now.mtimeMs !== before.mtimeMs || now.ctimeMs !== before.ctimeMs) {
      throw changed(decode(this.#disk), "it was written to");
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}
