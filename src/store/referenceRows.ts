/** A graph of references by row numbers. */

/**
 * References in compressed rows: those of row i are `targets[offsets[i]]` up to `targets[offsets[i + 1]]`. Every row
 * stands after all that it references, but may reference itself.
 */
export interface ReferenceRows {
  readonly offsets: Uint32Array;
  readonly targets: Uint32Array;
}

export function rowsOf({ offsets, targets }: ReferenceRows, row: number): Uint32Array {
  return targets.subarray(offsets[row], offsets[row + 1]);
}

/** The same graph with every reference turned round: what references each row, ascending. */
export function reversed({ offsets, targets }: ReferenceRows): ReferenceRows {
  const count = offsets.length - 1;
  const starts = new Uint32Array(count + 1);
  for (const target of targets) starts[target + 1] = (starts[target + 1] ?? 0) + 1;
  for (let i = 0; i < count; i++) starts[i + 1] = (starts[i + 1] ?? 0) + (starts[i] ?? 0);
  const next = starts.slice();
  const sources = new Uint32Array(targets.length);
  for (let row = 0; row < count; row++) {
    for (let edge = offsets[row] ?? 0; edge < (offsets[row + 1] ?? 0); edge++) {
      const target = targets[edge] ?? 0;
      const at = next[target] ?? 0;
      sources[at] = row;
      next[target] = at + 1;
    }
  }
  return { offsets: starts, targets: sources };
}
