/** Paths in a tree, with the links in it followed as in a container whose root the tree is. */
import { type FolderNode, partsOf, type TreeNode } from "./node.js";

/** As many links as Linux follows (path_resolution(7)). */
export const MAX_LINKS = 40;

/**
 * Where a path leads: the parts of the same place without links on the way to it. What is at the place itself is not
 * followed, and need not be there; `undefined` where something on the way is not a folder, or the links go in circles.
 */
export function placeOf(root: FolderNode, path: string): string[] | undefined {
  let links = MAX_LINKS;
  const pending = partsOf(path).reverse();
  let place: string[] = [];
  const folders: FolderNode[] = [root];
  for (let part = pending.pop(); part !== undefined; part = pending.pop()) {
    if (part === "..") {
      place.pop();
      if (folders.length > 1) folders.pop();
      continue;
    }
    const isLast = pending.length === 0;
    const node = folders.at(-1)?.children.get(part);
    if (node?.type === "symlink" && !isLast) {
      if (links-- === 0) return undefined;
      pending.push(...partsOf(node.target).reverse());
      if (node.target.startsWith("/")) {
        place = [];
        folders.length = 1;
      }
      continue;
    }
    if (!isLast && node?.type !== "directory") return undefined;
    place.push(part);
    if (node?.type === "directory") folders.push(node);
  }
  return place;
}

/** What is at a place, no link followed. */
export function nodeAt(root: FolderNode, place: readonly string[]): TreeNode | undefined {
  let node: TreeNode | undefined = root;
  for (const part of place) node = node?.type === "directory" ? node.children.get(part) : undefined;
  return node;
}

/** The folder that a path leads to, links followed to the end, and its place; `undefined` where there is none. */
export function folderAt(
  root: FolderNode,
  path: string,
): { readonly folder: FolderNode; readonly place: readonly string[] } | undefined {
  let at = path;
  for (let links = MAX_LINKS; links > 0; links--) {
    const place = placeOf(root, at);
    const node = place && nodeAt(root, place);
    if (place && node?.type === "directory") return { folder: node, place };
    if (node?.type !== "symlink" || !place) return undefined;
    at = node.target.startsWith("/") ? node.target : [...place.slice(0, -1), node.target].join("/");
  }
  return undefined;
}
