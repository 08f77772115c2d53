/** What a tree loses when it is written to this disk by somebody who is not root. */
import type { Attributes, FolderNode } from "./node.js";

/**
 * Gives a tree that was written, changed and read again the owners and attributes that it had before, and the devices
 * and pipes. Modes, and what is new, stay. Changes the tree.
 */
export function carryOver(after: FolderNode, before: FolderNode): FolderNode {
  after.attributes = carried(after.attributes, before.attributes);
  for (const [name, node] of before.children) {
    const there = after.children.get(name);
    if (!there && "devmajor" in node) after.children.set(name, node);
    if (!there || there.type === "store" || there.type !== node.type) continue;
    if (there.type === "directory" && node.type === "directory") carryOver(there, node);
    else there.attributes = carried(there.attributes, node.attributes);
  }
  return after;
}

function carried({ mode }: Attributes, { mode: _, mtime: __, ...before }: Attributes): Attributes {
  return { ...before, mode };
}
