/** Merging groups, the cheapest pair first, until no more are left than allowed. */
import { type Costs, costOfUnion, type Group, leastCostOfUnion, union } from "./group.js";

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
  /** For each group, the number of its nearest, and what their union costs. */
  readonly #nearest: Int32Array;
  readonly #cost: Float64Array;
  /** Groups whose nearest has grown or is gone: it is farther than it was, and no other is as near as that. */
  readonly #isStale: Uint8Array;

  constructor(groups: Group[], costs: Costs) {
    this.#groups = groups;
    this.#costs = costs;
    this.#nearest = new Int32Array(groups.length).fill(-1);
    this.#cost = new Float64Array(groups.length).fill(Infinity);
    this.#isStale = new Uint8Array(groups.length);
    for (let at = 0; at < groups.length; at++) this.#find(at);
  }

  /** The two that are nearest to each other. */
  pair(): { one: number; other: number; cost: number } {
    for (;;) {
      let best = 0;
      for (let at = 1; at < this.#groups.length; at++) if (this.#costAt(at) < this.#costAt(best)) best = at;
      if (this.#isStale[best] === 0)
        return { one: best, other: this.#nearest[best] as number, cost: this.#costAt(best) };
      this.#find(best);
    }
  }

  /** The union takes the place of the one, the last group that of the other. */
  merge(one: number, other: number): void {
    const groups = this.#groups;
    groups[one] = union(groups[one] as Group, groups[other] as Group, this.#costs);
    const last = groups.length - 1;
    for (let at = 0; at <= last; at++) {
      const nearest = this.#nearest[at];
      if (nearest === one || nearest === other) {
        this.#nearest[at] = one;
        this.#isStale[at] = 1;
      } else if (nearest === last) this.#nearest[at] = other;
    }
    groups[other] = groups[last] as Group;
    this.#nearest[other] = this.#nearest[last] as number;
    this.#cost[other] = this.#costAt(last);
    this.#isStale[other] = this.#isStale[last] as number;
    groups.pop();
    this.#nearest[one] = -1;
    this.#find(one);
    // It may have become the nearest of others.
    for (let at = 0; at < groups.length; at++) if (at !== one) this.#offer(at, one);
  }

  #costAt(at: number): number {
    return this.#cost[at] as number;
  }

  /** Finds the nearest of a group. Those that stood beside it at first are likely to be near, so they come first. */
  #find(at: number): void {
    const former = this.#nearest[at] as number;
    this.#cost[at] = Infinity;
    this.#isStale[at] = 0;
    if (former >= 0 && former !== at) this.#offer(at, former);
    const count = this.#groups.length;
    for (let step = 1; step < count; step++) {
      if (at - step >= 0) this.#offer(at, at - step);
      if (at + step < count) this.#offer(at, at + step);
    }
  }

  #offer(at: number, other: number): void {
    const group = this.#groups[at] as Group;
    const candidate = this.#groups[other] as Group;
    const best = this.#costAt(at);
    if (leastCostOfUnion(group, candidate, this.#costs) > best) return;
    const cost = costOfUnion(group, candidate, this.#costs, best);
    if (cost > best || (cost === best && this.#isStale[at] === 0 && other >= (this.#nearest[at] as number)))
      return;
    this.#cost[at] = cost;
    this.#nearest[at] = other;
    this.#isStale[at] = 0;
  }
}
