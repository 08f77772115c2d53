/** The closures of many nodes at once, a block of the nodes in them at a time: memory is n · 128 bytes. */
import { type Graph, referrersFirst } from "../graph.js";
import { WeightedSets } from "./sets.js";

/** Words of a set that are made together. */
const BLOCK = 32;

/**
 * What the closure of each node weighs, itself included.
 * @throws {LaminixError} ERR_GRAPH for a graph with a circle
 */
export function closureWeights(graph: Graph, weights: Float64Array): Float64Array {
  const sets = new WeightedSets(weights);
  const sums = new Float64Array(weights.length);
  forEachBlock(graph, sets, (block, from, words) => {
    for (let node = 0; node < sums.length; node++) {
      sums[node] = (sums[node] ?? 0) + sets.weighWords(block, node * BLOCK, from, words);
    }
  });
  return sums;
}

/** For each list of nodes, the set of all that is in the closures of its nodes. */
export function closuresOf(
  lists: readonly (readonly number[])[],
  graph: Graph,
  sets: WeightedSets,
): Uint32Array[] {
  const closures = lists.map(() => new Uint32Array(sets.words));
  forEachBlock(graph, sets, (block, from, words) => {
    for (const [i, nodes] of lists.entries()) {
      const closure = closures[i] as Uint32Array;
      for (const node of nodes) {
        for (let word = 0; word < words; word++)
          closure[from + word] = (closure[from + word] as number) | (block[node * BLOCK + word] as number);
      }
    }
  });
  return closures;
}

/** Gives out the words `from` and following of each node's closure; those of a node begin at `node * BLOCK`. */
function forEachBlock(
  graph: Graph,
  sets: WeightedSets,
  use: (block: Uint32Array, from: number, words: number) => void,
): void {
  const order = referrersFirst(graph).reverse();
  const block = new Uint32Array(order.length * BLOCK);
  for (let from = 0; from < sets.words; from += BLOCK) {
    const words = Math.min(BLOCK, sets.words - from);
    block.fill(0);
    for (const node of order) {
      const start = node * BLOCK;
      for (const target of graph.references[node] ?? []) {
        const its = target * BLOCK;
        for (let word = 0; word < words; word++)
          block[start + word] = (block[start + word] as number) | (block[its + word] as number);
      }
      const bit = sets.bits[node] ?? 0;
      const word = (bit >>> 5) - from;
      if (word >= 0 && word < words)
        block[start + word] = (block[start + word] as number) | (1 << (bit & 31));
    }
    use(block, from, words);
  }
}
