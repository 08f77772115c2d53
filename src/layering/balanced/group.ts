/** Nodes that share a layer, while layers are being planned. */
import type { WeightedSets } from "./sets.js";

export interface Group {
  readonly nodes: readonly number[];
  /** Bytes. */
  readonly size: number;
  /** All that its nodes refer to, however far, and themselves: a change of any of them touches the layer. */
  readonly closure: Uint32Array;
  /** The words of the closure that are not empty. */
  readonly filled: Uint32Array;
  /** What the closure weighs. */
  readonly weight: number;
}

/** A plan, and how a search came to it. */
export interface Found {
  readonly groups: readonly Group[];
  /** What the search began with. */
  readonly start: readonly Group[];
  /** How many times it moved a unit, or exchanged two. */
  readonly steps: number;
}

/** What a layer costs: its bytes, as often as it is touched. */
export interface Costs {
  readonly sets: WeightedSets;
  /**
   * How likely a node is to be in another layer when the same is planned anew. It makes company with large paths dear,
   * so that small ones, which could as well be elsewhere, do not come and go there.
   */
  readonly unrest: number;
}

/**
 * Less than any two different weights are apart, and more than errors of rounding: a sum is given up only when it is too
 * large for certain, or half of it would pass for the whole where costs are equal.
 */
const ROUNDING = 1 / 2048;

export function groupOf(
  nodes: readonly number[],
  size: number,
  closure: Uint32Array,
  sets: WeightedSets,
): Group {
  const words = new Uint32Array(closure.length);
  let count = 0;
  for (let word = 0; word < closure.length; word++) if (closure[word] !== 0) words[count++] = word;
  const filled = words.slice(0, count);
  return { nodes, size, closure, filled, weight: sets.weigh(closure, filled) };
}

export function costOf({ size, weight, nodes }: Group, { unrest }: Costs): number {
  return size * (weight + unrest * nodes.length);
}

/** What more it costs that two groups share a layer; where that is more than `most`, something more than it. */
export function costOfUnion(one: Group, other: Group, costs: Costs, most = Infinity): number {
  if (one.weight < other.weight) return costOfUnion(other, one, costs, most);
  const { sets, unrest } = costs;
  const size = one.size + other.size;
  const known =
    other.size * (one.weight - other.weight) +
    unrest * (one.size * other.nodes.length + other.size * one.nodes.length);
  if (known > most || sets.hasAll(one.closure, other.nodes)) return known;
  if (known + size * sets.leastWeight > most) return Infinity;
  const mostWeight = size > 0 ? (most - known) / size + ROUNDING : Infinity;
  return known + size * sets.weighWithout(other.closure, other.filled, one.closure, mostWeight);
}

export function union(one: Group, other: Group, { sets }: Costs): Group {
  const closure = one.closure.slice();
  for (const word of other.filled)
    closure[word] = (closure[word] as number) | (other.closure[word] as number);
  return groupOf([...one.nodes, ...other.nodes], one.size + other.size, closure, sets);
}
