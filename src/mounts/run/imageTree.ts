/** An image's root as a container has it. */
import { decode } from "../../bytes/byteString.js";
import type { Progress } from "../../progress.js";
import { storeDirOf, type StorePath, toStorePath } from "../../store/storePath.js";
import { nodeAt } from "../../tree/lookup.js";
import { type FolderNode, partsOf, type TreeNode } from "../../tree/node.js";

/** The root without devices: no container may open them, and to an overlay some say that a file was deleted. */
export function withoutDevices(root: FolderNode, { warn }: Progress): FolderNode {
  let left = 0;
  const result = copy(root);
  if (left > 0) warn(`${String(left)} device nodes of the image are left out`);
  return result;

  function copy(folder: FolderNode): FolderNode {
    const children = new Map<string, TreeNode>();
    for (const [name, child] of folder.children) {
      if (child.type === "character" || child.type === "block") left++;
      else children.set(name, child.type === "directory" ? copy(child) : child);
    }
    return { ...folder, children };
  }
}

/** Store paths that links lead to, and that are not in the tree. */
export function missingStorePaths(root: FolderNode): StorePath[] {
  const missing = new Set<StorePath>();
  look(root);
  return [...missing];

  function look(folder: FolderNode): void {
    for (const child of folder.children.values()) {
      if (child.type === "directory") look(child);
      else if (child.type === "symlink") add(decode(child.target));
    }
  }

  function add(target: string): void {
    const storeDir = storeDirOf(target);
    if (storeDir === undefined) return;
    try {
      const path = toStorePath(target, storeDir);
      if (!nodeAt(root, partsOf(path))) missing.add(path);
    } catch {
      // It only looks like one.
    }
  }
}
