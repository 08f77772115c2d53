/** Sets of nodes as bits, and what their nodes weigh together. */

/**
 * Nodes of one weight lie in words of their own, so that a set is weighed word by word: the number of its bits, times
 * what one of them weighs there.
 */
export class WeightedSets {
  /** How many words a set has. */
  readonly words: number;
  /** For each node, the number of its bit. */
  readonly bits: Uint32Array;
  /** What a node weighs at the least. */
  readonly leastWeight: number;
  /** For each word, what a bit of it weighs. */
  readonly bitWeights: Float64Array;

  /** @param weights for each node; they should have few different values */
  constructor(weights: Float64Array) {
    const nodes = Array.from(weights.keys()).sort(
      (one, other) => (weights[other] ?? 0) - (weights[one] ?? 0) || one - other,
    );
    this.bits = new Uint32Array(weights.length);
    const bitWeights: number[] = [];
    let free = 0;
    let last: number | undefined;
    for (const node of nodes) {
      const weight = weights[node] ?? 0;
      if (weight !== last) free = bitWeights.length * 32;
      if (free === bitWeights.length * 32) bitWeights.push(weight);
      this.bits[node] = free++;
      last = weight;
    }
    this.words = bitWeights.length;
    this.leastWeight = last ?? 0;
    this.bitWeights = Float64Array.from(bitWeights);
  }

  hasAll(set: Uint32Array, nodes: readonly number[]): boolean {
    for (const node of nodes) {
      const bit = this.bits[node] as number;
      if (((set[bit >>> 5] as number) & (1 << (bit & 31))) === 0) return false;
    }
    return true;
  }

  /** @param filled the words of the set that are not empty */
  weigh(set: Uint32Array, filled: Uint32Array): number {
    let sum = 0;
    for (const word of filled) sum += ones(set[word] as number) * (this.bitWeights[word] as number);
    return sum;
  }

  /**
   * What the nodes of a set weigh that are not in another; where that is more than `most`, something more than it.
   * @param filled the words of the set that are not empty
   */
  weighWithout(set: Uint32Array, filled: Uint32Array, other: Uint32Array, most = Infinity): number {
    let sum = 0;
    for (let i = 0; i < filled.length && sum <= most; i++) {
      const word = filled[i] as number;
      const rest = (set[word] as number) & ~(other[word] as number);
      if (rest !== 0) sum += ones(rest) * (this.bitWeights[word] as number);
    }
    return sum;
  }

  /**
   * What some words of a set weigh.
   * @param start where they are in `words`
   * @param from the number of the first of them in the set
   */
  weighWords(words: Uint32Array, start: number, from: number, count: number): number {
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const word = words[start + i] as number;
      if (word !== 0) sum += ones(word) * (this.bitWeights[from + i] as number);
    }
    return sum;
  }
}

/** How many bits of a word are set. */
export function ones(word: number): number {
  let count = word - ((word >>> 1) & 0x5555_5555);
  count = (count & 0x3333_3333) + ((count >>> 2) & 0x3333_3333);
  return Math.imul((count + (count >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}
