/** What goes through a pipeline: one graph, the parts that it was split into, or a list. */
import type { Graph } from "../graph.js";

/** In the order in which they become layers. */
export type Parts = ReadonlyMap<string, Data>;
export type Items = readonly Data[];
export type Data = Graph | Parts | Items;

export function isItems(data: Data): data is Items {
  return Array.isArray(data);
}

export function isParts(data: Data): data is Parts {
  return data instanceof Map;
}

export function isGraph(data: Data): data is Graph {
  return !isItems(data) && !isParts(data);
}

/** For messages. */
export function describe(data: Data): string {
  if (isParts(data)) return `the parts ${[...data.keys()].join(", ")}`;
  if (isGraph(data)) return "a graph";
  if (data.every(isGraph)) return "a list of graphs";
  return data.every(isParts) ? "a list of parts" : "a list of lists";
}
