/**
 * Planning again where there was a plan before. A layer that is as it was need not be moved, so that a new plan costs,
 * beside what each later change moves, the bytes of its layers that were not there: once, when it is first pushed.
 */
import { type Costs, costOf, type Group, union } from "./group.js";
import { merged } from "./merge.js";
import type { Problem } from "./problem.js";

/** How many changes a plan is to serve: so many times what one moves weighs as much as what it costs to adopt the plan. */
const CHANGES = 10;

/** A layer that was there before. */
export interface PreviousLayer {
  /** The nodes that are in it now. */
  readonly nodes: readonly number[];
  /** Whether these are what it was made of, no more and no less. */
  readonly isWhole: boolean;
}

/** @returns the cheapest plan found, by what it costs to adopt it and by what it moves later */
export function kept(
  previous: readonly PreviousLayer[],
  fresh: readonly Group[],
  limit: number,
  problem: Problem,
): Group[] {
  const plan = new Adoption(previous, problem);
  let best = merged(plan.inherited, limit, problem.costs);
  // Layers whose paths had better be elsewhere are taken apart, the dearest first.
  for (const group of best.toSorted(
    (one, other) => costOf(other, problem.costs) - costOf(one, problem.costs),
  )) {
    if (group.nodes.length < 2 || !best.includes(group)) continue;
    const apart = [...best.filter((each) => each !== group), ...plan.unitsOf(group.nodes)];
    const next = merged(apart, limit, problem.costs);
    if (plan.cost(next) < plan.cost(best)) best = next;
  }
  return plan.cost(fresh) < plan.cost(best) ? [...fresh] : best;
}

class Adoption {
  /** The previous layers, and what was in none of them. */
  readonly inherited: readonly Group[];
  readonly #units: Map<number, Group>;
  readonly #costs: Costs;
  readonly #changes: number;
  readonly #whole: ReadonlySet<string>;
  readonly #known = new WeakMap<Group, boolean>();

  constructor(previous: readonly PreviousLayer[], { units, costs, weight }: Problem) {
    this.#costs = costs;
    this.#changes = CHANGES / Math.max(weight, Number.MIN_VALUE);
    this.#units = new Map(units.flatMap((unit) => unit.nodes.map((node) => [node, unit])));
    this.#whole = new Set(previous.filter(({ isWhole }) => isWhole).map(({ nodes }) => keyOf(nodes)));
    const layers = previous.flatMap(({ nodes }) => {
      const [first, ...others] = this.unitsOf(nodes);
      return first ? [others.reduce((group, unit) => union(group, unit, costs), first)] : [];
    });
    const placed = new Set(layers.flatMap(({ nodes }) => nodes));
    this.inherited = [...layers, ...units.filter(({ nodes: [node = -1] }) => !placed.has(node))];
  }

  unitsOf(nodes: readonly number[]): Group[] {
    return [...new Set(nodes.flatMap((node) => this.#units.get(node) ?? []))];
  }

  /** Bytes: of the layers that are new, and of what later changes move. */
  cost(groups: readonly Group[]): number {
    return groups.reduce(
      (sum, group) =>
        sum + costOf(group, this.#costs) * this.#changes + (this.#isWhole(group) ? 0 : group.size),
      0,
    );
  }

  #isWhole(group: Group): boolean {
    let is = this.#known.get(group);
    if (is === undefined) this.#known.set(group, (is = this.#whole.has(keyOf(group.nodes))));
    return is;
  }
}

function keyOf(nodes: readonly number[]): string {
  return [...nodes].sort((one, other) => one - other).join();
}
