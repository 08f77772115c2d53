/** A graph as what is planned from: its nodes, alone or in coarse groups, with their closures. */
import { byName, type Graph } from "../graph.js";
import type { Weights } from "../measure.js";
import { closuresOf, closureWeights } from "./closures.js";
import { coarseGroups } from "./coarse.js";
import { type Costs, type Group, groupOf } from "./group.js";
import { WeightedSets } from "./sets.js";

/**
 * Steps in which sizes double: smaller differences decide nothing, for where they do, a change anywhere makes another plan
 * of paths that are alike. Chosen with `bench/layers`.
 */
const STEPS = 2;
/** How many pairs of groups, times words of their sets, may be compared: some seconds of work. */
const MOST_WORK = 6e8;
/** Below it sets of nodes lie close together; more different weights than that are rounded. */
const MOST_WEIGHTS = 64;
/** How likely a path goes elsewhere by itself, of how likely it is to change. Chosen with `bench/layers`. */
const UNREST = 0.02;

/** So many paths are searched for a better plan, with their sizes as they are. */
const FEW = 16;

export function isSmall(paths: number): boolean {
  return paths <= FEW;
}

export interface Problem {
  readonly costs: Costs;
  /** What layers are made of, in an order that hashes and sizes have no part in. */
  readonly units: readonly Group[];
  /** Bytes of each unit as they are. */
  readonly bytes: Float64Array;
  /** What all nodes weigh. */
  readonly weight: number;
}

/**
 * @param parts for each node, a number: nodes with different ones are never in one unit
 * @throws {LaminixError} ERR_GRAPH for a graph with a circle
 */
export function problemOf(graph: Graph, weights: Weights, limit: number, parts?: Int32Array): Problem {
  const likely = exactWeights(weights);
  const sets = new WeightedSets(likely);
  const closureWeight = closureWeights(graph, likely);
  const names = byName(graph);
  const size = (node: number): number => {
    const bytes = graph.narSizes[node] ?? 0;
    return isSmall(graph.pathCount) || bytes === 0
      ? bytes
      : 2 ** (Math.round(Math.log2(bytes) * STEPS) / STEPS);
  };
  const order = Array.from({ length: graph.pathCount }, (_, node) => node).sort(
    (one, other) => (closureWeight[other] ?? 0) - (closureWeight[one] ?? 0) || names(one, other),
  );
  const most = Math.max(limit, Math.floor(Math.sqrt(MOST_WORK / Math.max(1, sets.words))));
  const lists =
    order.length <= most
      ? order.map((node) => [node])
      : coarseGroups(graph, order, closureWeight, most, parts);
  const closures = closuresOf(lists, graph, sets);
  const units = lists.map((nodes, i) =>
    groupOf(
      nodes,
      nodes.reduce((sum, node) => sum + size(node), 0),
      closures[i] as Uint32Array,
      sets,
    ),
  );
  const weight = likely.reduce((sum, each) => sum + each, 0);
  const bytes = Float64Array.from(lists, (nodes) =>
    nodes.reduce((sum, node) => sum + (graph.narSizes[node] ?? 0), 0),
  );
  return { costs: { sets, unrest: (UNREST * weight) / Math.max(1, graph.pathCount) }, units, bytes, weight };
}

/**
 * The same weights but for a factor, such that their sums are exact in any order; where too many are different, each to
 * within a tenth.
 */
function exactWeights(weights: Weights): Weights {
  const hasFew = new Set(weights).size <= MOST_WEIGHTS;
  const least = weights.reduce((min, weight) => (weight > 0 && weight < min ? weight : min), Infinity);
  return weights.map((weight) => {
    const times = weight / least;
    return (
      Math.round((hasFew || times === 0 ? times : 2 ** (Math.round(Math.log2(times) * 4) / 4)) * 1024) / 1024
    );
  });
}
