/** A tree that goes on top of another as a layer, so that it adds to it and hides nothing. */
import { folderAt } from "./lookup.js";
import { type Attributes, type FolderNode, folderNode, type TreeNode } from "./node.js";

/**
 * The same tree in terms of a base: a folder where the base has a link to a folder, such as `/bin -> usr/bin`, would
 * hide the link, so what is in it goes to where the link leads; and a folder that the base has already keeps the
 * base's mode and owner, such as those of `/tmp`, unless ours were set on purpose.
 */
export function overBase(root: FolderNode, base: FolderNode): FolderNode {
  const result = folderNode(attributesOver(root, base));
  put(root, []);
  return result;

  function put(from: FolderNode, at: readonly string[]): void {
    for (const [name, node] of from.children) {
      const place = [...at, name];
      if (node.type === "directory") {
        const there = folderAt(base, place.join("/"));
        put(node, merged(node, there?.place ?? place, there?.folder));
      } else set(place, node);
    }
  }

  /** Makes a folder, and those above it that are only the base's. */
  function merged(
    node: FolderNode,
    place: readonly string[],
    there: FolderNode | undefined,
  ): readonly string[] {
    const folder = folderIn(place);
    folder.attributes = there ? attributesOver(node, there) : node.attributes;
    return place;
  }

  function folderIn(place: readonly string[]): FolderNode {
    let folder = result;
    for (const [i, part] of place.entries()) {
      const child = folder.children.get(part);
      if (child?.type === "directory") {
        folder = child;
        continue;
      }
      const made = folderNode(folderAt(base, place.slice(0, i + 1).join("/"))?.folder.attributes);
      folder.children.set(part, made);
      folder = made;
    }
    return folder;
  }

  function set(place: readonly string[], node: TreeNode): void {
    folderIn(place.slice(0, -1)).children.set(place.at(-1) ?? "", node);
  }
}

function attributesOver(ours: FolderNode, base: FolderNode): FolderNode["attributes"] {
  return isPlain(ours.attributes) ? base.attributes : ours.attributes;
}

/** Whether a folder is as folders are that nobody said anything about. */
function isPlain({ mode, uid, gid, xattrs }: Attributes): boolean {
  return mode === 0o755 && uid === 0 && gid === 0 && xattrs === undefined;
}
