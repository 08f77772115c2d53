/** How much is in the closure only because of a path? */
import { type ReferenceRows, rowsOf } from "../referenceRows.js";

/**
 * Bytes that no root would lead to any more if a row went, itself included. Roots are the rows that no other row
 * references; above them stands a row that leads to them all, and a row weighs what it dominates (T. Lengauer and
 * R. E. Tarjan, "A fast algorithm for finding dominators in a flowgraph", has the definition). Without circles the
 * immediate dominator is the nearest common ancestor of all referrers in the tree of dominators so far:
 * O(references · log n).
 */
export function addedSizes(referrers: ReferenceRows, narSizes: readonly number[]): number[] {
  const count = narSizes.length;
  const tree = new AncestorTree(count + 1, count);
  const top = count;
  for (let row = count - 1; row >= 0; row--) {
    let dominator: number | undefined;
    for (const referrer of rowsOf(referrers, row)) {
      if (referrer === row) continue;
      dominator = dominator === undefined ? referrer : tree.commonAncestor(dominator, referrer);
    }
    tree.attach(row, dominator ?? top);
  }
  const sizes = [...narSizes];
  // A dominator references, in the end, what it dominates, so it stands after it.
  for (let row = 0; row < count; row++) {
    const dominator = tree.parent(row);
    if (dominator !== top) sizes[dominator] = (sizes[dominator] ?? 0) + (sizes[row] ?? 0);
  }
  return sizes;
}

/**
 * A tree that grows at its leaves. Each node has, beside its parent, one ancestor further up, chosen so that any
 * ancestor is O(log n) jumps away (E. W. Myers, "An applicative random-access stack").
 */
class AncestorTree {
  readonly #parent: Uint32Array;
  readonly #jump: Uint32Array;
  readonly #depth: Uint32Array;

  constructor(count: number, root: number) {
    this.#parent = new Uint32Array(count);
    this.#jump = new Uint32Array(count);
    this.#depth = new Uint32Array(count);
    this.#parent[root] = root;
    this.#jump[root] = root;
  }

  parent(node: number): number {
    return this.#parent[node] ?? 0;
  }

  attach(node: number, parent: number): void {
    const jump = this.#jump[parent] ?? 0;
    const further = this.#jump[jump] ?? 0;
    const sameLength =
      this.#depthOf(parent) - this.#depthOf(jump) === this.#depthOf(jump) - this.#depthOf(further);
    this.#parent[node] = parent;
    this.#jump[node] = sameLength ? further : parent;
    this.#depth[node] = this.#depthOf(parent) + 1;
  }

  commonAncestor(one: number, other: number): number {
    const depth = Math.min(this.#depthOf(one), this.#depthOf(other));
    let [a, b] = [this.#ancestorAt(one, depth), this.#ancestorAt(other, depth)];
    while (a !== b) {
      const [above, beside] = [this.#jump[a] ?? 0, this.#jump[b] ?? 0];
      [a, b] = above === beside ? [this.parent(a), this.parent(b)] : [above, beside];
    }
    return a;
  }

  #ancestorAt(node: number, depth: number): number {
    while (this.#depthOf(node) > depth) {
      const jump = this.#jump[node] ?? 0;
      node = this.#depthOf(jump) < depth ? this.parent(node) : jump;
    }
    return node;
  }

  #depthOf(node: number): number {
    return this.#depth[node] ?? 0;
  }
}
