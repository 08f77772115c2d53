import type { Stats } from "node:fs";

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
