/** How large is the closure of every path? */
import type { ReferenceRows } from "../referenceRows.js";

/** Rows looked for at a time, a bit each. */
const BLOCK = 2048;
const WORDS = BLOCK / 32;

/**
 * Bytes of what each row leads to, itself included.
 *
 * No way is known that is faster than n · m in every graph: the rows are taken in blocks, and for each block every row later than it
 * gets the set of those of the block that it leads to. In graphs of store paths most of those sets are alike, and are
 * kept once, so that mostly numbers of sets are compared. Memory is n · 256 bytes at the most.
 */
export function closureSizes({ offsets, targets }: ReferenceRows, narSizes: readonly number[]): number[] {
  const count = narSizes.length;
  const totals = new Float64Array(count);
  const setOf = new Uint32Array(count);
  const sets = new Sets();
  for (let start = 0; start < count; start += BLOCK) {
    const end = Math.min(start + BLOCK, count);
    sets.clear(narSizes.slice(start, end));
    // What stands before the block leads to none of it.
    setOf.fill(0, 0, start);
    for (let row = start; row < count; row++) {
      let set = 0;
      let isUnion = false;
      const last = offsets[row + 1] ?? 0;
      for (let edge = offsets[row] ?? 0; edge < last; edge++) {
        const target = targets[edge] ?? 0;
        const part = setOf[target] ?? 0;
        if (part === 0 || part === set || target === row) continue;
        if (set === 0) set = part;
        else {
          if (!isUnion) sets.begin(set);
          isUnion = true;
          sets.include(part);
        }
      }
      if (isUnion) set = sets.union();
      if (row < end) set = sets.extended(set, row - start);
      setOf[row] = set;
      totals[row] = (totals[row] ?? 0) + sets.weight(set);
    }
  }
  return Array.from(totals);
}

/** Sets of the rows of one block, numbered; number 0 is the empty one. */
class Sets {
  #words = new Uint32Array(WORDS * 64);
  #weights: number[] = [];
  /** The union that each set was last a part of: what tells the different parts of a very large one. */
  #unions: number[] = [];
  #sizes: readonly number[] = [];
  /** The different parts of the union that is being made. */
  readonly #parts: number[] = [];
  #union = 0;

  /** @param sizes what each of the block's rows weighs */
  clear(sizes: readonly number[]): void {
    this.#sizes = sizes;
    this.#weights = [0];
    this.#unions = [0];
  }

  weight(set: number): number {
    return this.#weights[set] ?? 0;
  }

  /** Begins a union with its first part. */
  begin(set: number): void {
    this.#union++;
    this.#parts.length = 0;
    this.include(set);
  }

  include(set: number): void {
    if (this.#unions[set] === this.#union) return;
    this.#unions[set] = this.#union;
    this.#parts.push(set);
  }

  /** Of all that were included since `begin`: one of them if it holds the others, so that few sets are made. */
  union(): number {
    // By weight; of equals the first that was made, so that rows come to agree on one.
    const largest = this.#parts.reduce((best, part) => {
      const more = this.weight(part) - this.weight(best);
      return more > 0 || (more === 0 && part < best) ? part : best;
    });
    if (this.#parts.every((part) => this.#isWithin(part, largest))) return largest;
    const set = this.#copy(largest);
    for (const part of this.#parts) this.#addAll(set, part);
    return set;
  }

  /** A set and one row of the block more, which is not in it. */
  extended(set: number, bit: number): number {
    const larger = this.#copy(set);
    const at = larger * WORDS + (bit >>> 5);
    this.#words[at] = (this.#words[at] ?? 0) | (1 << (bit & 31));
    this.#weights[larger] = this.weight(set) + (this.#sizes[bit] ?? 0);
    return larger;
  }

  #isWithin(part: number, whole: number): boolean {
    if (part === whole) return true;
    const words = this.#words;
    for (let i = 0; i < WORDS; i++) {
      if ((words[part * WORDS + i] ?? 0) & ~(words[whole * WORDS + i] ?? 0)) return false;
    }
    return true;
  }

  #copy(set: number): number {
    const copy = this.#weights.length;
    if ((copy + 1) * WORDS > this.#words.length) {
      const larger = new Uint32Array(this.#words.length * 2);
      larger.set(this.#words);
      this.#words = larger;
    }
    this.#words.copyWithin(copy * WORDS, set * WORDS, (set + 1) * WORDS);
    this.#weights.push(this.weight(set));
    this.#unions.push(0);
    return copy;
  }

  #addAll(set: number, part: number): void {
    const words = this.#words;
    let weight = this.weight(set);
    for (let i = 0; i < WORDS; i++) {
      const at = set * WORDS + i;
      let fresh = (words[part * WORDS + i] ?? 0) & ~(words[at] ?? 0);
      words[at] = (words[at] ?? 0) | fresh;
      for (; fresh !== 0; fresh &= fresh - 1) weight += this.#sizes[i * 32 + lowestBit(fresh)] ?? 0;
    }
    this.#weights[set] = weight;
  }
}

function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}
