/** The times of a tree. */
import type { Attributes, FolderNode, TreeNode } from "./node.js";

/** The tree with no times of its own, so that it has those of the tar that it goes into. Changes it. */
export function withoutTimes(root: FolderNode): FolderNode {
  const known = new Map<Attributes, Attributes>();
  change(root);
  return root;

  function change(node: TreeNode): void {
    if (node.type === "store") return;
    let timeless = known.get(node.attributes);
    if (!timeless) {
      const { mtime: _, ...rest } = node.attributes;
      timeless = rest;
      known.set(node.attributes, timeless);
    }
    node.attributes = timeless;
    if (node.type === "directory") for (const child of node.children.values()) change(child);
  }
}
