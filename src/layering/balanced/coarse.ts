/**
 * Closures too large to compare all pairs of paths begin with coarse groups: a path goes with one that refers to it.
 * The closure of a group is then that of the one node on top of it, and what a merger costs is known without sets.
 */
import type { Graph } from "../graph.js";
import { Heap } from "./heap.js";

/** How many referrers of a node are thought of, those with the smallest closures. */
const CANDIDATES = 16;

interface Merger {
  readonly group: number;
  readonly into: number;
  readonly cost: number;
}

/**
 * @param order all nodes that are to be grouped; of equal mergers those of earlier nodes come first
 * @param weights what the closure of each node weighs
 * @param parts for each node, a number: nodes with different ones are in different lists
 * @returns lists of nodes, the top ones first; about `limit`, or where parts keep them apart, more
 */
export function coarseGroups(
  graph: Graph,
  order: readonly number[],
  weights: Float64Array,
  limit: number,
  parts: Int32Array = new Int32Array(graph.names.length),
): number[][] {
  const groups = new Forest(graph, order, weights, parts);
  const heap = new Heap<Merger>((one, other) => one.cost - other.cost || one.group - other.group);
  const offer = (group: number): void => {
    const merger = groups.cheapest(group);
    if (merger) heap.push(merger);
  };
  order.forEach(offer);
  while (groups.count > limit) {
    const next = heap.pop();
    if (!next) break;
    if (!groups.isTop(next.group)) continue;
    // Groups have grown since; a merger that has become dearer waits for its turn.
    const now = groups.cheapest(next.group);
    if (now && now.cost > next.cost) heap.push(now);
    else if (now) groups.merge(now);
  }
  return neighboursMerged(groups.lists(order), graph, weights, limit, parts);
}

class Forest {
  count: number;
  readonly #parent: Int32Array;
  readonly #sizes: Float64Array;
  readonly #weights: Float64Array;
  readonly #referrers: readonly (readonly number[])[];

  constructor(graph: Graph, order: readonly number[], weights: Float64Array, parts: Int32Array) {
    this.count = order.length;
    this.#weights = weights;
    this.#parent = Int32Array.from(graph.names, (_, node) => node);
    this.#sizes = Float64Array.from(graph.narSizes);
    const byWeight = (one: number, other: number): number =>
      (weights[one] ?? 0) - (weights[other] ?? 0) || one - other;
    this.#referrers = graph.referrers.map((all, node) =>
      all
        .filter((referrer) => parts[referrer] === parts[node] && referrer < graph.pathCount)
        .sort(byWeight)
        .slice(0, CANDIDATES),
    );
  }

  isTop(node: number): boolean {
    return this.#parent[node] === node;
  }

  /** Into which group a group goes at the least cost. */
  cheapest(group: number): Merger | undefined {
    let into = -1;
    for (const referrer of this.#referrers[group] ?? []) {
      const top = this.#top(referrer);
      if (into < 0 || (this.#weights[top] ?? 0) < (this.#weights[into] ?? 0)) into = top;
    }
    if (into < 0) return undefined;
    const more = (this.#weights[into] ?? 0) - (this.#weights[group] ?? 0);
    return { group, into, cost: (this.#sizes[group] ?? 0) * more };
  }

  merge({ group, into }: Merger): void {
    this.#parent[group] = into;
    this.#sizes[into] = (this.#sizes[into] ?? 0) + (this.#sizes[group] ?? 0);
    this.count--;
  }

  lists(order: readonly number[]): number[][] {
    const lists = new Map(order.filter((node) => this.isTop(node)).map((top) => [top, [top]]));
    for (const node of order) if (!this.isTop(node)) lists.get(this.#top(node))?.push(node);
    return [...lists.values()];
  }

  #top(node: number): number {
    let top = node;
    for (let up = this.#parent[top] ?? top; up !== top; up = this.#parent[top] ?? top) {
      this.#parent[top] = this.#parent[up] ?? up;
      top = this.#parent[top] ?? top;
    }
    return top;
  }
}

/** Of groups that nothing refers to, those with the same main reference lie side by side: runs of like size become one. */
function neighboursMerged(
  lists: readonly number[][],
  graph: Graph,
  weights: Float64Array,
  limit: number,
  parts: Int32Array,
): number[][] {
  if (lists.length <= limit) return [...lists];
  const weightOf = (node: number): number => weights[node] ?? 0;
  const main = ([top = 0]: readonly number[]): number =>
    (graph.references[top] ?? []).reduce(
      (best, node) => (weightOf(node) > weightOf(best) ? node : best),
      top,
    );
  const size = (list: readonly number[]): number =>
    list.reduce((sum, node) => sum + (graph.narSizes[node] ?? 0) + 1, 0);
  const ranked = lists
    .map((list) => ({ list, part: parts[list[0] ?? 0] ?? 0, key: main(list), size: size(list) }))
    .sort((one, other) => one.part - other.part || one.key - other.key || one.size - other.size);
  const total = ranked.reduce((sum, each) => sum + each.size, 0);
  const runs = new Map<string, number[]>();
  let before = 0;
  for (const { list, part, size: its } of ranked) {
    const run = `${String(part)} ${String(Math.floor((before / total) * limit))}`;
    runs.set(run, [...(runs.get(run) ?? []), ...list]);
    before += its;
  }
  return [...runs.values()];
}
