import type { Stats } from "node:fs";

/** Notices whether two readings of the same files saw the same files. */
export class Fingerprint {
  #state = 0;

  add(stats: Stats): void {
    // What a change of a file cannot leave alone.
    for (const value of [stats.ino, stats.size, stats.mtimeMs, stats.ctimeMs]) {
      this.#mix((value % 0x1_0000_0000) | 0);
      this.#mix(((value * 1000) % 0x1_0000_0000) | 0);
    }
  }

  /** Files that are told by a hash. */
  addHash(hash: string): void {
    for (let i = 0; i < hash.length; i++) this.#mix(hash.charCodeAt(i));
  }

  /** FNV-1a. */
  #mix(value: number): void {
    this.#state = Math.imul(this.#state ^ value, 0x0100_0193);
  }

  get value(): number {
    return this.#state >>> 0;
  }
}
