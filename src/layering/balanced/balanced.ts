/**
 * The strategy that moves the fewest bytes, by `measure`. Each path begins as a layer of its own, and the two whose
 * union costs the least are merged until no more are left than allowed. Such mergers look at two layers and no further,
 * so that what a change does to one part of the closure leaves the layers of the others as they are.
 */
import { byName, type Graph, type LayerPlan, toPlan } from "../graph.js";
import { uniformWeights, type Weights } from "../measure.js";
import type { Found, Group } from "./group.js";
import { merged } from "./merge.js";
import { HORIZON, kept, notSearched, type PreviousLayer } from "./previous.js";
import { isSmall, type Problem, problemOf } from "./problem.js";
import { improved } from "./search.js";

export interface BalancedOptions {
  /** All are as likely unless given. */
  readonly weights?: Weights | undefined;
  /** Layers that are kept where little is lost by it; none for a plan that others are to follow. */
  readonly previous?: readonly PreviousLayer[] | undefined;
  /** How many changes a plan is to serve that is made after a previous one; default: 20. */
  readonly horizon?: number | undefined;
}

/**
 * @param limit how many layers at the most; at least 1
 * @throws {LaminixError} ERR_GRAPH for a graph with a circle
 */
export function balanced(graph: Graph, limit: number, options: BalancedOptions = {}): LayerPlan {
  return inOrder(planned(graph, limit, options).found.groups, graph);
}

/** The same in the terms of planning, with what was searched. */
export function planned(
  graph: Graph,
  limit: number,
  { weights = uniformWeights(graph), previous, horizon = HORIZON }: BalancedOptions,
): { readonly problem: Problem; readonly found: Found } {
  const problem = problemOf(graph, weights, limit, previous && layerNumbers(previous, graph));
  const groups = merged(problem.units, limit, problem.costs);
  const fresh = isSmall(problem.units.length) ? improved(groups, problem) : notSearched(groups);
  return { problem, found: previous ? kept(previous, fresh, limit, problem, horizon) : fresh };
}

/** For each node, the number of the layer that it was in, or 0. */
export function layerNumbers(previous: readonly PreviousLayer[], { names }: Graph): Int32Array {
  const numbers = new Int32Array(names.length);
  for (const [i, { nodes }] of previous.entries()) for (const node of nodes) numbers[node] = i + 1;
  return numbers;
}

/** Within a layer by name, then hash; the layers that are touched the least at the bottom, so that they stay. */
export function inOrder(groups: readonly Group[], graph: Graph): LayerPlan {
  const names = byName(graph);
  const layers = groups
    .map(({ nodes, weight, size }) => ({ nodes: [...nodes].sort(names), weight, size }))
    .sort(
      (one, other) =>
        one.weight - other.weight || one.size - other.size || names(one.nodes[0] ?? 0, other.nodes[0] ?? 0),
    );
  return toPlan(
    layers.map(({ nodes }) => nodes),
    graph,
  );
}
