/** An open file that is read at any place. */
import { closeSync, fstatSync, readSync } from "node:fs";
import { LaminixError } from "../errors.js";
import type { RandomAccess } from "../bytes/bytes.js";

export class OpenArchive implements RandomAccess, Disposable {
  readonly size: number;
  readonly #fd: number;
  #open = true;

  /** @param fd is closed with this */
  constructor(fd: number) {
    this.#fd = fd;
    this.size = fstatSync(fd).size;
  }

  /** @throws {LaminixError} ERR_CLOSED */
  read(target: Buffer, length: number, position: number): number {
    if (this.#open) return readSync(this.#fd, target, 0, length, position);
    throw new LaminixError(
      "ERR_CLOSED",
      "the image has been closed, and with it the files that it was made from",
    );
  }

  /** Idempotent. */
  [Symbol.dispose](): void {
    if (this.#open) closeSync(this.#fd);
    this.#open = false;
  }
}
