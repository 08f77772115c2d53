/**
 * Planning again where there was a plan before. A layer that is as it was need not be moved, so that a new plan costs,
 * beside what each later change moves, the bytes of its layers that were not there: once, when it is first pushed.
 */
import { Descent } from "./descent.js";
import { type Costs, costOf, type Found, type Group, union } from "./group.js";
import { merged } from "./merge.js";
import type { Problem } from "./problem.js";

/** How many changes a plan is to serve unless told: so many times what one moves weighs as much as what the plan costs to adopt. */
export const HORIZON = 20;
/** How many words and pairs each search for better layers may look at: about a second of work. */
const MOST_WORK = 2e8;

/** A layer that was there before. */
export interface PreviousLayer {
  /** The nodes that are in it now. */
  readonly nodes: readonly number[];
  /** Whether these are what it was made of, no more and no less. */
  readonly isWhole: boolean;
}

/**
 * @param previous none for the first plan of those that are going to be made one after the other
 * @returns the cheapest plan found, by what it costs to adopt it and by what it moves later
 */
export function kept(
  previous: readonly PreviousLayer[],
  fresh: Found,
  limit: number,
  problem: Problem,
  horizon: number,
): Found {
  const plan = new Adoption(previous, problem, horizon);
  const again = previous.length > 0 ? [notSearched(inheritedLayers(plan, limit, problem))] : [];
  const descents = [...again, fresh].map((start) => ({ start, end: plan.descent(start.groups, limit) }));
  const { start, end } = descents.reduce((best, next) => (next.end.cost < best.end.cost ? next : best));
  return { groups: plan.groupsOf(end), start: start.start, steps: start.steps + end.steps };
}

/** A plan that nothing has been searched from yet. */
export function notSearched(groups: readonly Group[]): Found {
  return { groups, start: groups, steps: 0 };
}

/** What all steps would make of a plan that save something later, whatever layers they make new. */
export function withoutSteadiness(groups: readonly Group[], limit: number, problem: Problem): Found {
  const plan = new Adoption([], problem, HORIZON);
  const { steps, layerOf } = plan.descent(groups, limit);
  return { groups: plan.groupsOf({ layerOf }), start: groups, steps };
}

/** The previous layers, merged where they are too many; the dearest are taken apart where that pays. */
function inheritedLayers(plan: Adoption, limit: number, { costs }: Problem): Group[] {
  let best = merged(plan.inherited, limit, costs);
  for (const group of best.toSorted((one, other) => costOf(other, costs) - costOf(one, costs))) {
    if (group.nodes.length < 2 || !best.includes(group)) continue;
    const apart = [...best.filter((each) => each !== group), ...plan.unitsOf(group.nodes)];
    const next = merged(apart, limit, costs);
    if (plan.cost(next) < plan.cost(best)) best = next;
  }
  return best;
}

class Adoption {
  /** The previous layers, and what was in none of them. */
  readonly inherited: readonly Group[];
  readonly #problem: Problem;
  readonly #horizon: number;
  readonly #units: Map<number, Group>;
  readonly #costs: Costs;
  readonly #changes: number;
  readonly #whole: ReadonlySet<string>;
  readonly #known = new WeakMap<Group, boolean>();

  constructor(previous: readonly PreviousLayer[], problem: Problem, horizon: number) {
    const { units, costs, weight } = problem;
    this.#problem = problem;
    this.#horizon = horizon;
    this.#costs = costs;
    this.#changes = horizon / Math.max(weight, Number.MIN_VALUE);
    this.#units = new Map(units.flatMap((unit) => unit.nodes.map((node) => [node, unit])));
    this.#whole = new Set(previous.filter(({ isWhole }) => isWhole).map(({ nodes }) => keyOf(nodes)));
    const layers = previous.flatMap(({ nodes }) => unionOf(this.unitsOf(nodes), costs) ?? []);
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

  /** The same plan with all steps taken that pay, by sizes as they are. */
  descent(groups: readonly Group[], limit: number): Descent {
    const { units } = this.#problem;
    const layers = new Map(groups.flatMap(({ nodes }, layer) => nodes.map((node) => [node, layer])));
    const isWhole = groups.map((group) => this.#isWhole(group));
    const layerOf = Int32Array.from(units, ({ nodes: [node = -1] }) => layers.get(node) ?? 0);
    const homes = layerOf.map((layer) => (isWhole[layer] ? layer : -1));
    return new Descent(this.#problem, {
      ...{ layerOf, homes, work: MOST_WORK, horizon: this.#horizon },
      limit: Math.min(limit, units.length),
    }).run();
  }

  groupsOf({ layerOf }: Pick<Descent, "layerOf">): Group[] {
    const members = new Map<number, Group[]>();
    for (const [unit, group] of this.#problem.units.entries()) {
      const layer = layerOf[unit] ?? 0;
      members.set(layer, [...(members.get(layer) ?? []), group]);
    }
    return [...members.values()].flatMap((units) => unionOf(units, this.#costs) ?? []);
  }

  #isWhole(group: Group): boolean {
    let is = this.#known.get(group);
    if (is === undefined) this.#known.set(group, (is = this.#whole.has(keyOf(group.nodes))));
    return is;
  }
}

function unionOf([first, ...others]: readonly Group[], costs: Costs): Group | undefined {
  return first && others.reduce((group, unit) => union(group, unit, costs), first);
}

function keyOf(nodes: readonly number[]): string {
  return [...nodes].sort((one, other) => one - other).join();
}
