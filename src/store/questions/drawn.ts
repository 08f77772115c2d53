/** Trees drawn with lines, as `nix-store --query --tree` draws them. */

export interface DrawnNode {
  readonly path: string;
  readonly depth: number;
  readonly isLast: boolean;
  readonly isRepeated: boolean;
}

/** A line a node, each with its newline. */
export function* drawn(nodes: Iterable<DrawnNode>): Generator<string> {
  /** What stands before the nodes of each depth. */
  const pads = [""];
  for (const { path, depth, isLast, isRepeated } of nodes) {
    const pad = pads[depth - 1] ?? "";
    const branch = depth === 0 ? "" : isLast ? "└───" : "├───";
    pads[depth] = depth === 0 ? "" : `${pad}${isLast ? "    " : "│   "}`;
    yield `${pad}${branch}${path}${isRepeated ? " [...]" : ""}\n`;
  }
}

/**
 * The edges of a graph as a tree: by path, and those below each node once.
 */
export function drawnEdges(
  root: string,
  edges: readonly { readonly from: string; readonly to: string }[],
): Iterable<string> {
  const below = new Map<string, string[]>();
  for (const { from, to } of edges) {
    const targets = below.get(from);
    if (targets) targets.push(to);
    else below.set(from, [to]);
  }
  return drawn(nodesOf(root, below));
}

function* nodesOf(root: string, below: Map<string, string[]>): Generator<DrawnNode> {
  const shown = new Set<string>();
  const stack: Omit<DrawnNode, "isRepeated">[] = [{ path: root, depth: 0, isLast: true }];
  for (let node = stack.pop(); node; node = stack.pop()) {
    const targets = below.get(node.path) ?? [];
    const isRepeated = shown.has(node.path) && targets.length > 0;
    yield { ...node, isRepeated };
    if (isRepeated) continue;
    shown.add(node.path);
    const depth = node.depth + 1;
    // The last one first: it lies at the bottom.
    for (const [i, path] of targets.toSorted().reverse().entries())
      stack.push({ path, depth, isLast: i === 0 });
  }
}
