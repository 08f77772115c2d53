/**
 * Making a plan cheaper step by step: a unit goes to another layer, or two units change places. A layer costs its bytes
 * as often as it is touched, and once more where it was not there before. A step changes two layers only, so that what
 * it saves is known from these. Hashes and the order of the input have no part in the order of the steps.
 */
import type { Problem } from "./problem.js";
import { ones } from "./sets.js";

/** Part of the cost of two layers that a step has to save: less is an error of rounding. */
const LEAST = 1e-9;

export interface Start {
  /** The layer of each unit, from 0. */
  readonly layerOf: Int32Array;
  /** The same where that layer was there before as it is; otherwise -1. */
  readonly homes: Int32Array;
  /** How many layers there may be. */
  readonly limit: number;
  /** How many changes a plan is to serve. */
  readonly horizon: number;
  /** How many words of sets, and how many pairs of units, may be looked at. */
  readonly work: number;
}

export class Descent {
  /** The layer of each unit. */
  readonly layerOf: Int32Array;
  readonly #homes: Int32Array;
  readonly #limit: number;
  /** What a byte costs, times what its layer's closure weighs. */
  readonly #rate: number;
  #work: number;
  /** What each unit has: bytes, a closure of `#words` words, and what it weighs. */
  readonly #unitSizes: Float64Array;
  readonly #closures: Uint32Array;
  readonly #unitWeights: Float64Array;
  readonly #words: number;
  readonly #bitWeights: Float64Array;
  /** What each layer has; its closure, and what is in the closures of two of its units or more. */
  readonly #sizes: Float64Array;
  readonly #once: Uint32Array;
  readonly #twice: Uint32Array;
  readonly #weights: Float64Array;
  readonly #costs: Float64Array;
  /** How many units a layer has too many or too few to be as it was before. */
  readonly #differences: Int32Array;
  /** At which step each layer has changed, and up to which there was none for a unit. */
  readonly #changedAt: Int32Array;
  readonly #seenAt: Int32Array;
  #step = 0;

  constructor({ units, bytes, weight, costs: { sets } }: Problem, start: Start) {
    this.layerOf = start.layerOf.slice();
    this.#homes = start.homes;
    this.#limit = start.limit;
    this.#rate = start.horizon / Math.max(weight, Number.MIN_VALUE);
    this.#work = start.work;
    this.#unitSizes = bytes;
    this.#words = sets.words;
    this.#bitWeights = sets.bitWeights;
    this.#closures = new Uint32Array(units.length * sets.words);
    for (const [unit, { closure }] of units.entries()) this.#closures.set(closure, unit * sets.words);
    this.#unitWeights = Float64Array.from(units, (unit) => unit.weight);
    this.#sizes = new Float64Array(this.#limit);
    this.#once = new Uint32Array(this.#limit * sets.words);
    this.#twice = new Uint32Array(this.#limit * sets.words);
    this.#weights = new Float64Array(this.#limit);
    this.#costs = new Float64Array(this.#limit);
    this.#differences = new Int32Array(this.#limit);
    this.#changedAt = new Int32Array(this.#limit);
    this.#seenAt = new Int32Array(units.length).fill(-1);
    for (let layer = 0; layer < this.#limit; layer++) this.#refresh(layer);
  }

  /** Bytes: of the layers that are new, and of what later changes move. */
  get cost(): number {
    return this.#costs.reduce((sum, cost) => sum + cost, 0);
  }

  /** How many were taken. */
  get steps(): number {
    return this.#step;
  }

  /** Takes steps until none saves anything, or the work is used up. */
  run(): this {
    const units = this.layerOf.length;
    let idle = 0;
    for (let unit = 0; idle < units && this.#work > 0; unit = (unit + 1) % units) {
      idle++;
      while (this.#improve(unit)) idle = 0;
    }
    return this;
  }

  /** Takes the step of a unit that saves the most. */
  #improve(unit: number): boolean {
    const from = this.layerOf[unit] as number;
    const seen = this.#seenAt[unit] as number;
    const isSame = (this.#changedAt[from] as number) <= seen;
    const without = this.#weightWithout(unit, from);
    let [saved, other, to] = this.#bestMove(unit, without, isSame ? seen : -1);
    const swap = this.#bestSwap(unit, without, isSame ? seen : -1, saved);
    if (swap) [saved, other, to] = swap;
    if (saved === 0) {
      this.#seenAt[unit] = this.#step;
      return false;
    }
    this.#step++;
    this.layerOf[unit] = to;
    if (other >= 0) this.layerOf[other] = from;
    this.#refresh(from);
    this.#refresh(to);
    return true;
  }

  /**
   * @param without what the unit's layer weighs without it
   * @param seen only layers that have changed since that step are of interest
   * @returns what the best move saves, -1, and the layer that it goes to; 0 first where none saves anything
   */
  #bestMove(unit: number, without: number, seen: number): [saved: number, other: number, to: number] {
    const from = this.layerOf[unit] as number;
    const size = this.#unitSizes[unit] as number;
    const weight = this.#unitWeights[unit] as number;
    const left = this.#price(from, (this.#sizes[from] as number) - size, without, this.#leaving(unit, from));
    let [best, target] = [0, -1];
    for (let to = 0; to < this.#limit; to++) {
      if (to === from || (this.#changedAt[to] as number) <= seen) continue;
      const before = (this.#costs[from] as number) + (this.#costs[to] as number);
      const most = before * (1 - LEAST) - best - left;
      const grown = (this.#sizes[to] as number) + size;
      const difference = -this.#leaving(unit, to);
      const atLeast = Math.max(weight, this.#weights[to] as number);
      if (this.#price(to, grown, atLeast, difference) >= most) continue;
      const price = this.#price(to, grown, this.#weightWith(unit, to), difference);
      if (price < most) [best, target] = [before - left - price, to];
    }
    return [best, -1, target];
  }

  /** The same for exchanges, of which only those that save more than `best` are of interest. */
  #bestSwap(
    unit: number,
    without: number,
    seen: number,
    best: number,
  ): [saved: number, other: number, to: number] | undefined {
    const from = this.layerOf[unit] as number;
    const size = this.#unitSizes[unit] as number;
    const weight = this.#unitWeights[unit] as number;
    const leaving = this.#leaving(unit, from);
    this.#work -= this.layerOf.length;
    let found = -1;
    for (let other = 0; other < this.layerOf.length; other++) {
      const to = this.layerOf[other] as number;
      if (to === from || (this.#changedAt[to] as number) <= seen) continue;
      const before = (this.#costs[from] as number) + (this.#costs[to] as number);
      const most = before * (1 - LEAST) - best;
      const more = (this.#unitSizes[other] as number) - size;
      const fromSize = (this.#sizes[from] as number) + more;
      const toSize = (this.#sizes[to] as number) - more;
      const fromDifference = leaving - this.#leaving(other, from);
      const toDifference = this.#leaving(other, to) - this.#leaving(unit, to);
      const atLeast = Math.max(without, this.#unitWeights[other] as number);
      const fromAtLeast = this.#price(from, fromSize, atLeast, fromDifference);
      if (fromAtLeast + this.#price(to, toSize, weight, toDifference) >= most) continue;
      const toPrice = this.#price(to, toSize, this.#weightSwapped(other, unit, to), toDifference);
      if (fromAtLeast + toPrice >= most) continue;
      const fromWeight = this.#weightSwapped(unit, other, from);
      const price = toPrice + this.#price(from, fromSize, fromWeight, fromDifference);
      if (price < most) [best, found] = [before - price, other];
    }
    return found < 0 ? undefined : [best, found, this.layerOf[found] as number];
  }

  /** How many units more a layer differs by from what it was, when a unit leaves it. */
  #leaving(unit: number, layer: number): 1 | -1 {
    return this.#homes[unit] === layer ? 1 : -1;
  }

  #price(layer: number, size: number, weight: number, difference: number): number {
    const isNew = (this.#differences[layer] as number) + difference !== 0;
    return size * (this.#rate * weight + (isNew ? 1 : 0));
  }

  #weightWithout(unit: number, layer: number): number {
    let weight = this.#weights[layer] as number;
    const [start, its] = [unit * this.#words, layer * this.#words];
    for (let word = 0; word < this.#words; word++) {
      const own = (this.#closures[start + word] as number) & ~(this.#twice[its + word] as number);
      if (own !== 0) weight -= ones(own) * (this.#bitWeights[word] as number);
    }
    this.#work -= this.#words;
    return weight;
  }

  #weightWith(unit: number, layer: number): number {
    let weight = this.#weights[layer] as number;
    const [start, its] = [unit * this.#words, layer * this.#words];
    for (let word = 0; word < this.#words; word++) {
      const more = (this.#closures[start + word] as number) & ~(this.#once[its + word] as number);
      if (more !== 0) weight += ones(more) * (this.#bitWeights[word] as number);
    }
    this.#work -= this.#words;
    return weight;
  }

  /** What a layer's closure weighs with another unit in the place of one. */
  #weightSwapped(unit: number, other: number, layer: number): number {
    let weight = 0;
    const [start, others, its] = [unit * this.#words, other * this.#words, layer * this.#words];
    for (let word = 0; word < this.#words; word++) {
      const own = (this.#closures[start + word] as number) & ~(this.#twice[its + word] as number);
      const set = ((this.#once[its + word] as number) & ~own) | (this.#closures[others + word] as number);
      if (set !== 0) weight += ones(set) * (this.#bitWeights[word] as number);
    }
    this.#work -= this.#words;
    return weight;
  }

  /** Works out what a layer has, from its units. */
  #refresh(layer: number): void {
    const [once, twice, words] = [this.#once, this.#twice, this.#words];
    const start = layer * words;
    once.fill(0, start, start + words);
    twice.fill(0, start, start + words);
    let [size, weight, difference] = [0, 0, 0];
    for (let unit = 0; unit < this.layerOf.length; unit++) {
      const isIn = this.layerOf[unit] === layer;
      if (isIn !== (this.#homes[unit] === layer)) difference++;
      if (!isIn) continue;
      size += this.#unitSizes[unit] as number;
      for (let word = 0; word < words; word++) {
        const set = this.#closures[unit * words + word] as number;
        twice[start + word] = (twice[start + word] as number) | ((once[start + word] as number) & set);
        once[start + word] = (once[start + word] as number) | set;
      }
    }
    for (let word = 0; word < words; word++)
      weight += ones(once[start + word] as number) * (this.#bitWeights[word] as number);
    this.#sizes[layer] = size;
    this.#weights[layer] = weight;
    this.#differences[layer] = difference;
    this.#costs[layer] = this.#price(layer, size, weight, 0);
    this.#changedAt[layer] = this.#step;
  }
}
