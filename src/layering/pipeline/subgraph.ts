/**
 * Graphs made of parts of another one. Their nodes have an order of their own, which becomes that of the layer; their
 * edges are those of the graph that they come from, as far as both ends are in them.
 */
import { type Graph, reachable } from "../graph.js";

/** @param nodes numbers in `graph`, in the order that they are to have */
export function subgraph(graph: Graph, nodes: readonly number[]): Graph {
  const places = new Map(nodes.map((node, place) => [node, place]));
  const within = (edges: readonly (readonly number[])[]): number[][] =>
    nodes.map((node) =>
      (edges[node] ?? []).flatMap((other) => {
        const place = places.get(other);
        return place === undefined ? [] : [place];
      }),
    );
  return {
    names: nodes.map((node) => graph.names[node] ?? ""),
    narSizes: nodes.map((node) => graph.narSizes[node] ?? 0),
    references: within(graph.references),
    referrers: within(graph.referrers),
    pathCount: nodes.length,
  };
}

/** The part whose nodes have a certain property, in the graph's order. */
export function induced(graph: Graph, has: (node: number) => boolean): Graph {
  return subgraph(
    graph,
    graph.names.flatMap((_, node) => (has(node) ? [node] : [])),
  );
}

/** The store paths of a graph, the smallest first: what a pipeline begins with. */
export function bySize(graph: Graph): Graph {
  const nodes = Array.from({ length: graph.pathCount }, (_, node) => node);
  return subgraph(
    graph,
    nodes.sort((one, other) => (graph.narSizes[one] ?? 0) - (graph.narSizes[other] ?? 0)),
  );
}

/** All nodes of the graphs, one graph's after the other's. No edges lead from one graph's to another's. */
export function merged(graphs: readonly Graph[]): Graph {
  const starts: number[] = [];
  let count = 0;
  for (const { names } of graphs) {
    starts.push(count);
    count += names.length;
  }
  const moved = (pick: (graph: Graph) => readonly (readonly number[])[]): number[][] =>
    graphs.flatMap((graph, i) => pick(graph).map((edges) => edges.map((node) => node + (starts[i] ?? 0))));
  return {
    names: graphs.flatMap(({ names }) => names),
    narSizes: graphs.flatMap(({ narSizes }) => narSizes),
    references: moved(({ references }) => references),
    referrers: moved(({ referrers }) => referrers),
    pathCount: count,
  };
}

/** Numbers of the nodes with one of these names. */
export function named(graph: Graph, names: ReadonlySet<string>): number[] {
  if (names.size === 0) return [];
  return graph.names.flatMap((name, node) => (names.has(name) ? [node] : []));
}

/** As `reachable`, with the starts themselves. */
export function startsAndReachable(starts: readonly number[], edges: Graph["references"]): Uint8Array {
  const seen = reachable(starts, edges);
  for (const start of starts) seen[start] = 1;
  return seen;
}
