import type { Graph } from "../graph.js";
import { byPopularity } from "../popularity.js";
import { subgraph } from "./subgraph.js";

/** A graph for each node, the most popular first. */
export function popularityContest(graph: Graph): Graph[] {
  return byPopularity(graph).map((node) => subgraph(graph, [node]));
}
