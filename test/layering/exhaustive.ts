import type { Graph } from "../../dist/layering/graph.js";

/** The least that any plan of so many layers moves on average, each path as likely to change, found by trying all. */
export function leastMoved(graph: Graph, limit: number): number {
  const count = graph.names.length;
  const closures = graph.names.map((_, node) => closureOf(node, graph));
  let least = Infinity;
  const sizes: number[] = [];
  const sets: number[] = [];
  const place = (node: number, used: number): void => {
    const cost = sizes.slice(0, used).reduce((sum, size, i) => sum + size * bitsOf(sets[i]!), 0);
    if (cost >= least) return;
    if (node === count) {
      least = cost;
      return;
    }
    for (let layer = 0; layer < Math.min(limit, used + 1); layer++) {
      const before = layer < used ? ([sizes[layer]!, sets[layer]!] as const) : ([0, 0] as const);
      sizes[layer] = before[0] + graph.narSizes[node]!;
      sets[layer] = before[1] | closures[node]!;
      place(node + 1, Math.max(used, layer + 1));
      [sizes[layer], sets[layer]] = before;
    }
  };
  place(0, 0);
  return count === 0 ? 0 : least / count;
}

function closureOf(node: number, graph: Graph): number {
  return graph.references[node]!.reduce((set, target) => set | closureOf(target, graph), 1 << node);
}

function bitsOf(set: number): number {
  return [...set.toString(2)].filter((digit) => digit === "1").length;
}
