/**
 * The strategy that nixpkgs' dockerTools had until 2024 (`popularity_contest`, then `limit_layers`): the paths that are
 * reached in the most ways get a layer each, the rest share the last one.
 *
 * There, a path's popularity is a sum over all children of all nodes, memoised node by node. Multiplied out, it is the
 * number of ways that lead from the roots to the path and to each node above it, added up, which needs no table of
 * pairs of nodes.
 */
import { compare, type Graph, type LayerPlan, reachable, referrersFirst, toPlan } from "./graph.js";

/** @param limit how many layers at the most; at least 1 */
export function popularity(graph: Graph, limit: number): LayerPlan {
  const ranked = byPopularity(graph);
  const singles = ranked.slice(0, limit - 1).map((node) => [node]);
  return toPlan([...singles, ranked.slice(limit - 1)], graph);
}

/** Nodes, the most popular first; ties by name, then hash. */
export function byPopularity(graph: Graph): number[] {
  const compareScores = comparison(graph);
  const names = graph.names.map((path) => {
    const [first = "", ...rest] = path.split("-");
    return [...rest, first].join("-");
  });
  return graph.names
    .map((_, node) => node)
    .sort((one, other) => compareScores(other, one) || compare(names[one] ?? "", names[other] ?? ""));
}

/** Sums of positive doubles are off by far less than this part of them. */
const TOLERANCE = 1e-9;
/** Two primes below 2^31: sums of as many residues as there are nodes stay exact in a double. */
const PRIMES = [2_147_483_647, 2_147_483_629] as const;
/** Doubles begin near the bottom of their range, for numbers of ways grow exponentially with depth. */
const SMALLEST = 2 ** -1000;

/**
 * Compares two nodes by their popularity, exactly. Numbers of ways have hundreds of digits, so doubles decide where they
 * can, and residues tell what is equal; whole numbers are needed only for what is close and yet different.
 */
function comparison(graph: Graph): (one: number, other: number) => number {
  const order = referrersFirst(graph);
  const ways = [
    countWays(graph, order, SMALLEST, (sum) => sum),
    ...PRIMES.map((prime) => countWays(graph, order, 1, (sum) => sum % prime)),
  ] as const;
  const [rough, first, second] = sumsAbove(graph, order, ways) as [Float64Array, Float64Array, Float64Array];
  const exact = exactPopularity(graph, order);
  return (one, other) => {
    const [a, b] = [rough[one] ?? 0, rough[other] ?? 0];
    if (Math.abs(a - b) > TOLERANCE * Math.max(a, b)) return a - b;
    const isEqual = [first, second].every(
      (sums, i) => (sums[one] ?? 0) % (PRIMES[i] ?? 1) === (sums[other] ?? 0) % (PRIMES[i] ?? 1),
    );
    if (isEqual && Number.isFinite(a)) return 0;
    const difference = exact(one) - exact(other);
    return difference > 0n ? 1 : difference < 0n ? -1 : 0;
  };
}

/** For each node, in how many ways it is reached from the roots. */
function countWays(
  graph: Graph,
  order: readonly number[],
  one: number,
  reduce: (sum: number) => number,
): Float64Array {
  const ways = new Float64Array(order.length);
  for (const node of order) {
    const above = graph.referrers[node] ?? [];
    let sum = above.length === 0 ? one : 0;
    for (const referrer of above) sum = reduce(sum + (ways[referrer] ?? 0));
    ways[node] = sum;
  }
  return ways;
}

/** For each node, the sums of columns over the node and all above it. */
function sumsAbove(graph: Graph, order: readonly number[], columns: readonly Float64Array[]): Float64Array[] {
  const words = Math.ceil(order.length / 32);
  const above: (Uint32Array | undefined)[] = graph.names.map(() => undefined);
  const unseen = graph.references.map((targets) => targets.length);
  const sums = columns.map(() => new Float64Array(order.length));
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
    for (const [i, column] of columns.entries()) {
      const sum = sums[i];
      if (sum) sum[node] = sumOver(set, column);
    }
  }
  return sums;
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

/** The popularity of a node as a whole number, computed when first asked for. */
function exactPopularity(graph: Graph, order: readonly number[]): (node: number) => bigint {
  const known = new Map<number, bigint>();
  let ways: bigint[] | undefined;
  const countAll = (): bigint[] => {
    const counts: bigint[] = graph.names.map(() => 0n);
    for (const node of order) {
      const above = graph.referrers[node] ?? [];
      counts[node] =
        above.length === 0 ? 1n : above.reduce((sum, referrer) => sum + (counts[referrer] ?? 0n), 0n);
    }
    return counts;
  };
  return (node) => {
    const all = (ways ??= countAll());
    let sum = known.get(node);
    if (sum === undefined) {
      const above = reachable([node], graph.referrers);
      above[node] = 1;
      sum = all.reduce((total, count, other) => (above[other] ? total + count : total), 0n);
      known.set(node, sum);
    }
    return sum;
  };
}
