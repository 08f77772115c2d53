/**
 * The strategy that nixpkgs' dockerTools had until 2024 (`popularity_contest`, then `limit_layers`): the paths that are
 * reached in the most ways get a layer each, the rest share the last one.
 *
 * There, a path's popularity is a sum over all children of all nodes, memoised node by node. Multiplied out, it is the
 * number of ways that lead from the roots to the path and to each node above it, added up, which needs no table of
 * pairs of nodes.
 */
import { LaminixError } from "../errors.js";
import { compare, type Graph, type LayerPlan, toPlan } from "./graph.js";

/** @param limit how many layers at the most; at least 1 */
export function popularity(graph: Graph, limit: number): LayerPlan {
  const ranked = byPopularity(graph);
  const singles = ranked.slice(0, limit - 1).map((node) => [node]);
  return toPlan([...singles, ranked.slice(limit - 1)], graph);
}

/** Nodes, the most popular first; ties by name, then hash. */
function byPopularity(graph: Graph): number[] {
  const scores = popularities(graph);
  const names = graph.names.map((path) => {
    const [first = "", ...rest] = path.split("-");
    return [...rest, first].join("-");
  });
  return graph.names
    .map((_, node) => node)
    .sort((one, other) => {
      const [a, b] = [scores[one] ?? 0n, scores[other] ?? 0n];
      return a > b ? -1 : a < b ? 1 : compare(names[one] ?? "", names[other] ?? "");
    });
}

/** Bits of a number that one column holds: sums of as many as there are nodes stay exact in a double. */
const COLUMN_BITS = 32;

/** @throws {LaminixError} ERR_GRAPH for a graph with a circle */
export function popularities(graph: Graph): bigint[] {
  const order = referrersFirst(graph);
  const ways: bigint[] = graph.names.map(() => 0n);
  for (const node of order) {
    const above = graph.referrers[node] ?? [];
    ways[node] = above.length === 0 ? 1n : above.reduce((sum, referrer) => sum + (ways[referrer] ?? 0n), 0n);
  }

  // Numbers of ways grow exponentially with depth. They are kept in columns of 32 bits, and each column is added up in
  // doubles, over the bits of the set of nodes above.
  const columns: Float64Array[] = [];
  for (
    let rest = ways;
    rest.some((value) => value > 0n);
    rest = rest.map((value) => value >> BigInt(COLUMN_BITS))
  ) {
    columns.push(Float64Array.from(rest, (value) => Number(BigInt.asUintN(COLUMN_BITS, value))));
  }

  const words = Math.ceil(graph.names.length / 32);
  const above: (Uint32Array | undefined)[] = graph.names.map(() => undefined);
  const unseen = graph.references.map((targets) => targets.length);
  const scores: bigint[] = graph.names.map(() => 0n);
  for (const node of order) {
    const set = new Uint32Array(words);
    set[node >>> 5] = 1 << (node & 31);
    for (const referrer of graph.referrers[node] ?? []) {
      const other = above[referrer];
      if (other) for (let word = 0; word < words; word++) set[word] = (set[word] ?? 0) | (other[word] ?? 0);
      unseen[referrer] = (unseen[referrer] ?? 0) - 1;
      if (unseen[referrer] === 0) above[referrer] = undefined; // nobody below asks for it again
    }
    if (unseen[node] !== 0) above[node] = set;
    scores[node] = columns.reduceRight(
      (sum, column) => (sum << BigInt(COLUMN_BITS)) + BigInt(sumOver(set, column)),
      0n,
    );
  }
  return scores;
}

function sumOver(set: Uint32Array, values: Float64Array): number {
  let sum = 0;
  for (let word = 0; word < set.length; word++) {
    for (let bits = set[word] ?? 0; bits !== 0; bits &= bits - 1) {
      sum += values[word * 32 + 31 - Math.clz32(bits & -bits)] ?? 0;
    }
  }
  return sum;
}

/** Nodes in an order in which each comes after all that reference it. */
function referrersFirst(graph: Graph): number[] {
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
