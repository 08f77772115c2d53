/** A tree with more in one of its folders. */
import { FOLDER, type FolderNode, folderNode, partsOf, type TreeNode } from "./node.js";

/**
 * The tree with nodes in a folder, which is made where it is not there. What the folder has of its own stays.
 * @param path of the folder, a byte string; no link on the way to it is followed
 */
export function withNodes(root: FolderNode, path: string, nodes: ReadonlyMap<string, TreeNode>): FolderNode {
  if (nodes.size === 0) return root;
  const result = copyOf(root);
  let folder = result;
  for (const part of partsOf(path)) {
    const there = folder.children.get(part);
    const inner = there?.type === "directory" ? copyOf(there) : folderNode(FOLDER);
    folder.children.set(part, inner);
    folder = inner;
  }
  for (const [name, node] of nodes) if (!folder.children.has(name)) folder.children.set(name, node);
  return result;
}

function copyOf(folder: FolderNode): FolderNode {
  return { ...folder, children: new Map(folder.children) };
}
