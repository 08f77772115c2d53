/** An open file that is read at any place. */
import { closeSync, fstatSync, readSync } from "node:fs";
import type { RandomAccess } from "./randomAccess.js";

export class OpenArchive implements RandomAccess, Disposable {
  readonly size: number;
  readonly #fd: number;
  #open = true;

  /** @param fd is closed with this */
  constructor(fd: number) {
    this.#fd = fd;
    this.size = fstatSync(fd).size;
  }

  read(target: Buffer, length: number, position: number): number {
    return this.#open ? readSync(this.#fd, target, 0, length, position) : 0;
  }

  /** May be called again. */
  [Symbol.dispose](): void {
    if (this.#open) closeSync(this.#fd);
    this.#open = false;
  }
}
