/** Merging groups, the cheapest pair first, until no more are left than allowed. */
import { type Costs, costOfUnion, type Group, union } from "./group.js";

/**
 * Each group knows its nearest, so that a step costs a look at each group, and at sets only where these may be near.
 * @param start of equally near pairs, those are merged whose groups come first in it
 * @param onMerge is told what each merger costs
 */
export function merged(
  start: readonly Group[],
  limit: number,
  costs: Costs,
  onMerge?: (cost: number) => void,
): Group[] {
  if (start.length <= limit) return [...start];
  const groups = [...start];
  const near = new Nearest(groups, costs);
  while (groups.length > limit) {
    const { one, other, cost } = near.pair();
    onMerge?.(cost);
    near.merge(Math.min(one, other), Math.max(one, other));
  }
  return groups;
}

class Nearest {
  readonly #groups: Group[];
  readonly #costs: Costs;
  /** Of each group, beside one another for those who look at all. */
  readonly #sizes: Float64Array;
  readonly #weights: Float64Array;
  /** For each group, the number of its nearest, and what their union costs. */
  readonly #nearest: Int32Array;
  readonly #cost: Float64Array;
  /** Groups whose nearest has grown or is gone: it is farther than it was, and no other is as near as that. */
  readonly #isStale: Uint8Array;

  constructor(groups: Group[], costs: Costs) {
    this.#groups = groups;
    this.#costs = costs;
    this.#sizes = Float64Array.from(groups, ({ size }) => size);
    this.#weights = Float64Array.from(groups, ({ weight }) => weight);
    this.#nearest = new Int32Array(groups.length).fill(-1);
    this.#cost = new Float64Array(groups.length).fill(Infinity);
    this.#isStale = new Uint8Array(groups.length);
    for (let at = 1; at < groups.length; at++) this.#compare(at, at - 1, -1, true);
  }

  /** The two that are nearest to each other. */
  pair(): { one: number; other: number; cost: number } {
    for (;;) {
      const best = leastOf(this.#cost, this.#groups.length);
      if (this.#isStale[best] === 0)
        return { one: best, other: this.#nearest[best] as number, cost: this.#cost[best] as number };
      const former = this.#nearest[best] as number;
      this.#forget(best);
      this.#compare(best, former, former + 1, false);
      this.#compareAll(best, false);
    }
  }

  /** The union takes the place of the one, the last group that of the other. */
  merge(one: number, other: number): void {
    const groups = this.#groups;
    groups[one] = union(groups[one] as Group, groups[other] as Group, this.#costs);
    this.#sizes[one] = groups[one].size;
    this.#weights[one] = groups[one].weight;
    const last = groups.length - 1;
    for (let at = 0; at <= last; at++) {
      const nearest = this.#nearest[at];
      if (nearest === one || nearest === other) {
        this.#nearest[at] = one;
        this.#isStale[at] = 1;
      } else if (nearest === last) this.#nearest[at] = other;
    }
    groups[other] = groups[last] as Group;
    for (const facts of [this.#sizes, this.#weights, this.#nearest, this.#cost, this.#isStale])
      facts[other] = facts[last] as number;
    groups.pop();
    this.#forget(one);
    this.#compareAll(one, true);
  }

  #forget(at: number): void {
    this.#nearest[at] = -1;
    this.#cost[at] = Infinity;
    this.#isStale[at] = 0;
  }

  /** Those that stood beside it at first are likely to be near, so they come first. */
  #compareAll(at: number, isMutual: boolean): void {
    this.#compare(at, at - 1, -1, isMutual);
    this.#compare(at, at + 1, this.#groups.length, isMutual);
  }

  /**
   * Looks whether others are the nearest of a group.
   * @param isMutual whether it may be the nearest of theirs, too
   */
  #compare(at: number, first: number, end: number, isMutual: boolean): void {
    const cost = this.#cost;
    const sizes = this.#sizes;
    const weights = this.#weights;
    const size = sizes[at] as number;
    const weight = weights[at] as number;
    const step = first < end ? 1 : -1;
    for (let other = first; other !== end; other += step) {
      let most = cost[at] as number;
      if (isMutual && most < (cost[other] as number)) most = cost[other] as number;
      const more = weight - (weights[other] as number);
      // The lighter one is touched as often as the heavier.
      if ((more > 0 ? (sizes[other] as number) * more : size * -more) > most) continue;
      const union = costOfUnion(this.#groups[at] as Group, this.#groups[other] as Group, this.#costs, most);
      if (union > most) continue;
      this.#take(at, other, union);
      if (isMutual) this.#take(other, at, union);
    }
  }

  #take(at: number, other: number, cost: number): void {
    const best = this.#cost[at] as number;
    if (cost > best || (cost === best && this.#isStale[at] === 0 && other >= (this.#nearest[at] as number)))
      return;
    this.#cost[at] = cost;
    this.#nearest[at] = other;
    this.#isStale[at] = 0;
  }
}

/** The number of the least of the first values, the first of equal ones. */
function leastOf(values: Float64Array, count: number): number {
  let best = 0;
  for (let at = 1; at < count; at++) if ((values[at] as number) < (values[best] as number)) best = at;
  return best;
}
