import { type Graph, reachable } from "../graph.js";
import { induced, named } from "./subgraph.js";

/**
 * Paths with all that they need (`out`) or all that need them (`in`), as `main`, and what is left, as `rest`. Either
 * may be empty.
 */
export function subcomponent(
  graph: Graph,
  paths: ReadonlySet<string>,
  direction: "in" | "out",
): Map<string, Graph> {
  const starts = named(graph, paths);
  const inside = reachable(starts, direction === "out" ? graph.references : graph.referrers);
  for (const start of starts) inside[start] = 1;
  return new Map([
    ["main", induced(graph, (node) => inside[node] === 1)],
    ["rest", induced(graph, (node) => inside[node] === 0)],
  ]);
}
