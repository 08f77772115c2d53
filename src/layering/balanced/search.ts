/**
 * Plans of few paths are searched for better ones: a path goes to another layer, or two change places. In closures of
 * hundreds of paths that would gain some percent as long as nothing changes, and lose far more with the next change,
 * after which other paths change places; so there it is not done.
 */
import { costOf, type Found, type Group, union } from "./group.js";
import type { Problem } from "./problem.js";

/** How many times the search begins anew, from layers made by chance. */
const STARTS = 30;
/** Part of the cost that a step has to save: less is an error of rounding. */
const LEAST = 1e-9;

/** @returns the cheapest plan found, of no more layers than `start` has; the same each time */
export function improved(start: readonly Group[], problem: Problem): Found {
  const { units } = problem;
  const count = start.length;
  const plans = [units.map(({ nodes: [node = -1] }) => start.findIndex(({ nodes }) => nodes.includes(node)))];
  const random = numbers();
  for (let n = 0; n < STARTS && count > 1 && count < units.length; n++)
    plans.push(units.map(() => random(count)));
  const descended = plans.map((layerOf) => new Search(layerOf, count, problem).descend());
  const best = descended.reduce((one, next) => (next.cost < one.cost * (1 - LEAST) ? next : one));
  return { groups: best.groups, start, steps: best.steps };
}

class Search {
  steps = 0;
  readonly #layerOf: number[];
  readonly #problem: Problem;
  readonly #costs: number[];

  /** @param layerOf the layer of each unit */
  constructor(layerOf: readonly number[], count: number, problem: Problem) {
    this.#layerOf = [...layerOf];
    this.#problem = problem;
    this.#costs = Array.from({ length: count }, (_, layer) => this.#costOf(layer));
  }

  get cost(): number {
    return this.#costs.reduce((sum, cost) => sum + cost, 0);
  }

  get groups(): Group[] {
    return this.#costs.flatMap((_, layer) => this.#group(layer) ?? []);
  }

  /** Takes steps that save something until there are none. */
  descend(): this {
    while (this.#layerOf.some((_, unit) => this.#improve(unit)));
    return this;
  }

  #improve(unit: number): boolean {
    const from = this.#layerOf[unit] ?? 0;
    const isMoved = this.#costs.some((_, to) => to !== from && this.#try([[unit, to]], from, to));
    if (isMoved) return true;
    return this.#layerOf.some((to, other) => {
      const swap = [
        [unit, to],
        [other, from],
      ] as const;
      return to !== from && this.#try(swap, from, to);
    });
  }

  /** Puts units into other layers, of which only two may change; back again where that saves nothing. */
  #try(changes: readonly (readonly [unit: number, layer: number])[], one: number, other: number): boolean {
    const old = changes.map(([unit]) => [unit, this.#layerOf[unit] ?? 0] as const);
    for (const [unit, layer] of changes) this.#layerOf[unit] = layer;
    const costs = [this.#costOf(one), this.#costOf(other)] as const;
    const before = (this.#costs[one] ?? 0) + (this.#costs[other] ?? 0);
    if (costs[0] + costs[1] < before * (1 - LEAST)) {
      [this.#costs[one], this.#costs[other]] = costs;
      this.steps++;
      return true;
    }
    for (const [unit, layer] of old) this.#layerOf[unit] = layer;
    return false;
  }

  #costOf(layer: number): number {
    const group = this.#group(layer);
    return group ? costOf(group, this.#problem.costs) : 0;
  }

  #group(layer: number): Group | undefined {
    const { units, costs } = this.#problem;
    const [first, ...others] = units.filter((_, unit) => this.#layerOf[unit] === layer);
    return first && others.reduce((group, unit) => union(group, unit, costs), first);
  }
}

/** Whole numbers below a limit that look random, the same in every run (the generator of "Numerical Recipes"). */
function numbers(): (limit: number) => number {
  let state = 1;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}
