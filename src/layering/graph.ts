/** What layers are planned from: store paths, their sizes and their references. */
import { LaminixError } from "../errors.js";
import type { Closure } from "../store/closure.js";
import type { StorePath } from "../store/storePath.js";

/** Which store paths share a layer, bottom layer first. */
export type LayerPlan = readonly (readonly StorePath[])[];

/** Something of the image that is not a store path but takes part in planning, as it does in nixpkgs. */
export interface VirtualNode {
  readonly name: string;
  /** Bytes. */
  readonly narSize: number;
  readonly references: readonly StorePath[];
}

/** Nodes in the order of their paths, virtual ones last. Edges go by node numbers; none from a node to itself. */
export interface Graph {
  readonly names: readonly string[];
  /** Bytes. */
  readonly narSizes: readonly number[];
  readonly references: readonly (readonly number[])[];
  readonly referrers: readonly (readonly number[])[];
  /** How many of the nodes, from the first, are store paths. */
  readonly pathCount: number;
}

/** @param without paths that are not to be in the graph, as if nothing referenced them */
export function graphOf(
  closure: Closure,
  virtual: readonly VirtualNode[] = [],
  without: ReadonlySet<StorePath> = new Set(),
): Graph {
  const { paths, rows, narSizes } = closure;
  const order = Array.from(paths.keys())
    .filter((row) => !without.has(paths[row] as StorePath))
    .sort((one, other) => compare(paths[one] ?? "", paths[other] ?? ""));
  const nodeOfRow = new Int32Array(paths.length).fill(-1);
  for (const [node, row] of order.entries()) nodeOfRow[row] = node;
  const nodeOfPath = new Map(order.map((row, node) => [paths[row], node]));
  const references = [
    ...order.map((row, node) =>
      Array.from(
        rows.targets.subarray(rows.offsets[row], rows.offsets[row + 1]),
        (target) => nodeOfRow[target] ?? -1,
      ).filter((target) => target !== node && target >= 0),
    ),
    ...virtual.map((node) => node.references.flatMap((path) => nodeOfPath.get(path) ?? [])),
  ];
  const referrers: number[][] = references.map(() => []);
  for (const [node, targets] of references.entries())
    for (const target of targets) referrers[target]?.push(node);
  return {
    names: [...order.map((row) => paths[row] ?? ""), ...virtual.map((node) => node.name)],
    narSizes: [...order.map((row) => narSizes[row] ?? 0), ...virtual.map((node) => node.narSize)],
    references,
    referrers,
    pathCount: order.length,
  };
}

/** Marks all nodes that an edge leads to from the starts, however far; a start itself only where an edge leads back. */
export function reachable(starts: readonly number[], edges: readonly (readonly number[])[]): Uint8Array {
  const seen = new Uint8Array(edges.length);
  const stack = [...starts];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    for (const next of edges[node] ?? []) {
      if (seen[next]) continue;
      seen[next] = 1;
      stack.push(next);
    }
  }
  return seen;
}

/** Strings by code unit: store paths are ASCII. */
export function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

/** The store paths of layers of nodes. Virtual nodes fall out, and layers that have nothing else. */
export function toPlan(layers: readonly (readonly number[])[], graph: Graph): LayerPlan {
  return layers
    .map((layer) =>
      layer.filter((node) => node < graph.pathCount).map((node) => graph.names[node] as StorePath),
    )
    .filter((layer) => layer.length > 0);
}

/**
 * Nodes in an order in which each comes after all that reference it.
 * @throws {LaminixError} ERR_GRAPH for a graph with a circle
 */
export function referrersFirst(graph: Graph): number[] {
  const missing = graph.referrers.map((referrers) => referrers.length);
  const order = missing.flatMap((count, node) => (count === 0 ? [node] : []));
  for (const node of order) {
    for (const target of graph.references[node] ?? []) {
      missing[target] = (missing[target] ?? 0) - 1;
      if (missing[target] === 0) order.push(target);
    }
  }
  if (order.length === graph.names.length) return order;
  throw new LaminixError("ERR_GRAPH", "the reference graph has a circle");
}

/** Compares nodes by the name of their store path, then by its hash. */
export function byName({ names }: Graph): (one: number, other: number) => number {
  return byKeys(names.map((path) => atDash(path.slice(path.lastIndexOf("/") + 1))));
}

/** The same as nixpkgs' `auto` does: at the first dash of the whole path, so that one in the store's directory counts. */
export function byNameInNixpkgs({ names }: Graph): (one: number, other: number) => number {
  return byKeys(names.map(atDash));
}

type Key = readonly [name: string, hash: string];

function atDash(text: string): Key {
  const dash = text.indexOf("-");
  return dash < 0 ? [text, ""] : [text.slice(dash + 1), text.slice(0, dash)];
}

function byKeys(keys: readonly Key[]): (one: number, other: number) => number {
  return (one, other) => {
    const [a, b] = [keys[one] ?? ["", ""], keys[other] ?? ["", ""]];
    return compare(a[0], b[0]) || compare(a[1], b[1]);
  };
}
