/** Why does one path depend on another? */
import { type ReferenceRows, rowsOf } from "../referenceRows.js";

const NEVER = -1;

/**
 * The shortest way along references, both ends included; of several the one whose rows come first by `compare`.
 * One search from `to` backwards: O(references).
 * @returns `undefined` where there is none
 */
export function shortestChain(
  references: ReferenceRows,
  referrers: ReferenceRows,
  { from, to }: RowPair,
  compare: (one: number, other: number) => number,
): number[] | undefined {
  const steps = stepsTo(referrers, to);
  if (steps[from] === NEVER) return undefined;
  const chain = [from];
  for (let row = from; row !== to;) {
    const left = (steps[row] ?? 0) - 1;
    const nearer = rowsOf(references, row).filter((target) => steps[target] === left);
    row = nearer.reduce((least, target) => (compare(target, least) < 0 ? target : least));
    chain.push(row);
  }
  return chain;
}

/**
 * Every reference that is part of a way, without those of a path to itself; from the dependents down. O(references).
 * @returns `undefined` where there is no way at all
 */
export function edgesBetween(
  references: ReferenceRows,
  referrers: ReferenceRows,
  { from, to }: RowPair,
): RowPair[] | undefined {
  const steps = stepsTo(referrers, to);
  if (steps[from] === NEVER) return undefined;
  const edges: RowPair[] = [];
  const reached = new Uint8Array(steps.length);
  reached[from] = 1;
  // All that references a row stands after it, so on the way down each is met before what it leads to.
  for (let row = from; row > to; row--) {
    if (!reached[row]) continue;
    for (const target of rowsOf(references, row)) {
      if (target === row || steps[target] === NEVER) continue;
      reached[target] = 1;
      edges.push({ from: row, to: target });
    }
  }
  return edges;
}

export interface RowPair {
  readonly from: number;
  readonly to: number;
}

/** How many references each row is away from `to`. */
function stepsTo(referrers: ReferenceRows, to: number): Int32Array {
  const steps = new Int32Array(referrers.offsets.length - 1).fill(NEVER);
  steps[to] = 0;
  const queue = [to];
  for (const row of queue) {
    for (const referrer of rowsOf(referrers, row)) {
      if (steps[referrer] !== NEVER) continue;
      steps[referrer] = (steps[row] ?? 0) + 1;
      queue.push(referrer);
    }
  }
  return steps;
}
