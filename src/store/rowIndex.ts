/** From store paths to row numbers. */

/**
 * A hash table of row numbers that keeps no text of its own: four bytes an entry, where a `Map` of strings keeps every
 * string alive as well. Open addressing, at most half full.
 */
export class RowIndex {
  /** Row number + 1; 0 where there is none. */
  readonly #slots: Uint32Array;
  readonly #textAt: (row: number) => string;

  constructor(count: number, textAt: (row: number) => string) {
    this.#slots = new Uint32Array(2 ** Math.ceil(Math.log2(2 * count + 1)));
    this.#textAt = textAt;
    for (let row = 0; row < count; row++) {
      let slot = this.#first(textAt(row));
      while (this.#slots[slot]) slot = this.#next(slot);
      this.#slots[slot] = row + 1;
    }
  }

  find(text: string): number | undefined {
    for (let slot = this.#first(text); ; slot = this.#next(slot)) {
      const entry = this.#slots[slot];
      if (!entry) return undefined;
      if (this.#textAt(entry - 1) === text) return entry - 1;
    }
  }

  /** FNV-1a, with its high bits brought down. */
  #first(text: string): number {
    let hash = 0x811c9dc5;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    return (hash ^ (hash >>> 15)) & (this.#slots.length - 1);
  }

  #next(slot: number): number {
    return (slot + 1) & (this.#slots.length - 1);
  }
}
