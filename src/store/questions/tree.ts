/** The tree of references below a path. */
import { type ReferenceRows, rowsOf } from "../referenceRows.js";

export interface TreeRow {
  readonly row: number;
  /** 0 for the root. */
  readonly depth: number;
  /** The last of its parent's references. */
  readonly isLast: boolean;
  /** Shown with all below it before. */
  readonly isRepeated: boolean;
}

/**
 * A node for the root and one for each reference below it, those of each row once, in the order of
 * `nix-store --query --tree`: of the references of a row, one that another leads to directly comes before that one, so
 * that the tree stays flat; by `compare` where that does not tell. Memory is the depth's.
 * @param most depth below which nothing is shown. What is at it does not count as shown with all below it.
 */
export function* walkTree(
  references: ReferenceRows,
  root: number,
  compare: (one: number, other: number) => number,
  most = Infinity,
): Generator<TreeRow> {
  const count = references.offsets.length - 1;
  const inOrder = ordering(references, compare);
  const shown = new Uint8Array(count);
  shown[root] = 1;
  yield { row: root, depth: 0, isLast: true, isRepeated: false };
  const open = most > 0 ? [{ children: inOrder(root), at: 0 }] : [];
  for (let level = open.at(-1); level; level = open.at(-1)) {
    const row = level.children[level.at++];
    if (row === undefined) {
      open.pop();
      continue;
    }
    const isRepeated = shown[row] === 1;
    const depth = open.length;
    yield { row, depth, isLast: level.at === level.children.length, isRepeated };
    if (isRepeated || depth >= most) continue;
    shown[row] = 1;
    open.push({ children: inOrder(row), at: 0 });
  }
}

/**
 * The references of a row, asked for once a row: depth first among them alone, each after those of them that it
 * references (Nix's `topoSortPaths`).
 */
function ordering(
  references: ReferenceRows,
  compare: (one: number, other: number) => number,
): (row: number) => readonly number[] {
  const { offsets, targets } = references;
  /** Of which row's references, plus 1, each row is one that is still to come. */
  const pendingOf = new Uint32Array(offsets.length - 1);
  const below: number[] = [];
  return (parent) => {
    const children = [...rowsOf(references, parent)].sort(compare);
    for (const child of children) pendingOf[child] = parent + 1;
    const sorted: number[] = [];
    const stack = children.reverse();
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      if (next < 0) sorted.push(~next);
      if (next < 0 || pendingOf[next] !== parent + 1) continue;
      pendingOf[next] = 0;
      // Its turn comes again, as a negative number, when all that it references is through.
      stack.push(~next);
      below.length = 0;
      for (let edge = offsets[next] ?? 0; edge < (offsets[next + 1] ?? 0); edge++) {
        const target = targets[edge] ?? 0;
        if (pendingOf[target] === parent + 1) below.push(target);
      }
      if (below.length > 1) below.sort(compare).reverse();
      for (const row of below) stack.push(row);
    }
    return sorted;
  };
}
