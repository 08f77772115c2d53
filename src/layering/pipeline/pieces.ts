/** Graphs cut by number, put together by number, or with paths taken out. */
import type { Graph } from "../graph.js";
import { induced, merged, subgraph } from "./subgraph.js";

/** Graphs of `count` nodes each, the last one perhaps of fewer. */
export function splitEvery(graph: Graph, count: number): Graph[] {
  const nodes = graph.names.map((_, node) => node);
  const pieces: Graph[] = [];
  for (let start = 0; start < nodes.length; start += count)
    pieces.push(subgraph(graph, nodes.slice(start, start + count)));
  return pieces;
}

/** At most `count` graphs: the last one has all that come after the others. */
export function limitLayers(graphs: readonly Graph[], count: number): Graph[] {
  if (graphs.length <= count) return [...graphs];
  return [...graphs.slice(0, count - 1), merged(graphs.slice(count - 1))];
}

export function removePaths(graph: Graph, paths: ReadonlySet<string>): Graph {
  return induced(graph, (node) => !paths.has(graph.names[node] ?? ""));
}
