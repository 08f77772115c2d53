/**
 * What a plan costs: the bytes that the next push, pull or load moves again.
 *
 * When a path changes, so does all that refers to it, and a layer is moved again when any of its paths did. A layer is
 * therefore touched by a change of any path in the closure of what it holds, and costs its bytes times what that closure
 * weighs.
 */
import { closureWeights } from "./balanced/closures.js";
import { type Graph, type LayerPlan, reachable } from "./graph.js";

export interface Measure {
  /** Bytes of the layers that a change touches, on average over the changes. */
  readonly moved: number;
  /** Bytes of the paths that a change touches: a layer for every path would move no more. */
  readonly ideal: number;
  /** The ideal part of what is moved, up to 1; 1 where nothing is. */
  readonly efficiency: number;
}

/** How likely each node is to be the one that changes next, 1 in all; 0 for virtual nodes, which touch no store path. */
export type Weights = Float64Array;

export function uniformWeights({ names, pathCount }: Graph): Weights {
  return Float64Array.from(names, (_, node) => (node < pathCount ? 1 / pathCount : 0));
}

export function measure(graph: Graph, plan: LayerPlan, weights: Weights = uniformWeights(graph)): Measure {
  const nodeOf = new Map(graph.names.map((name, node) => [name, node]));
  let moved = 0;
  for (const layer of plan) {
    const nodes = layer.flatMap((path) => nodeOf.get(path) ?? []);
    moved += sizeOf(nodes, graph) * closureWeight(nodes, graph, weights);
  }
  const ideal = closureWeights(graph, weights).reduce(
    (sum, weight, node) => sum + weight * (node < graph.pathCount ? (graph.narSizes[node] ?? 0) : 0),
    0,
  );
  return { moved, ideal, efficiency: moved === 0 ? 1 : ideal / moved };
}

/** How likely the next change touches a layer of these nodes. */
export function closureWeight(nodes: readonly number[], graph: Graph, weights: Weights): number {
  const closure = reachable(nodes, graph.references);
  for (const node of nodes) closure[node] = 1;
  let weight = 0;
  for (const [node, inside] of closure.entries()) if (inside) weight += weights[node] ?? 0;
  return weight;
}

export function sizeOf(nodes: readonly number[], graph: Graph): number {
  return nodes.reduce((sum, node) => sum + (graph.narSizes[node] ?? 0), 0);
}
