/** Why is a path in the layer that it is in? */
import type { Graph, LayerPlan } from "./graph.js";
import { closureWeight, sizeOf, type Weights } from "./measure.js";

export interface Explanation {
  /** The layer's number, from 1 at the bottom. */
  readonly layer: number;
  /** How likely the next change is to change the path: it or anything that it refers to. */
  readonly changes: number;
  /** How likely the next change is to touch the layer. */
  readonly touched: number;
  /** Bytes that would be moved more on average, were the path in a layer of its own; below 0 where that saves some. */
  readonly alone: number;
  /** The other layer in which the path would move the fewest bytes more, and how many; where there is another. */
  readonly next?: { readonly layer: number; readonly more: number };
}

/** @returns `undefined` for a path that is in no layer */
export function explain(
  graph: Graph,
  plan: LayerPlan,
  path: string,
  weights: Weights,
): Explanation | undefined {
  const nodeOf = new Map(graph.names.map((name, node) => [name, node]));
  const layers = plan.map((layer) => layer.flatMap((each) => nodeOf.get(each) ?? []));
  const node = nodeOf.get(path);
  const at = layers.findIndex((layer) => node !== undefined && layer.includes(node));
  if (node === undefined || at < 0) return undefined;
  const cost = (nodes: readonly number[]): number =>
    sizeOf(nodes, graph) * closureWeight(nodes, graph, weights);
  const layer = layers[at] ?? [];
  const without = layer.filter((each) => each !== node);
  const saved = cost(layer) - cost(without);
  const others = layers.flatMap((other, i) =>
    i === at ? [] : [{ layer: i + 1, more: cost([...other, node]) - cost(other) - saved }],
  );
  const [first, ...rest] = others;
  const next = first && rest.reduce((best, other) => (other.more < best.more ? other : best), first);
  return {
    layer: at + 1,
    changes: closureWeight([node], graph, weights),
    touched: closureWeight(layer, graph, weights),
    alone: cost([node]) - saved,
    ...(next && { next }),
  };
}
