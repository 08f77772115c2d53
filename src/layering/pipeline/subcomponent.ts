import type { Graph } from "../graph.js";
import { induced, named, startsAndReachable } from "./subgraph.js";

/**
 * Paths with all that they need (`out`) or all that need them (`in`), as `main`, and what is left, as `rest`. Either
 * may be empty.
 */
export function subcomponent(
  graph: Graph,
  paths: ReadonlySet<string>,
  direction: "in" | "out",
): Map<string, Graph> {
  const edges = direction === "out" ? graph.references : graph.referrers;
  const inside = startsAndReachable(named(graph, paths), edges);
  return new Map([
    ["main", induced(graph, (node) => inside[node] === 1)],
    ["rest", induced(graph, (node) => inside[node] === 0)],
  ]);
}
