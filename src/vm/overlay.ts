/**
 * From what an overlay keeps of changes to what a layer does. Formats: the Linux kernel's documentation, "Overlay
 * Filesystem"; OCI image specification 1.1, layer.md, "Whiteouts".
 */
import { type Attributes, type FolderNode, rootOwned, type TreeNode } from "../tree/node.js";

const WHITEOUT = ".wh.";
const OPAQUE = ".wh..wh..opq";
/** The kernel's own attributes of an overlay: of root, and of those who are root in a namespace. */
const OVERLAY = /^SCHILY\.xattr\.(?:trusted|user)\.overlay\./;
/** What a file keeps on other machines. */
const KEPT = /^SCHILY\.xattr\.(?:user\.|security\.capability$)/;
const OPAQUE_ATTRIBUTE = /\.opaque$/;

/**
 * An upper tree as a layer's: deletions become whiteouts. Changes the tree.
 * @param mtime Unix seconds: what is younger has this time, so that when a script ran does not show
 */
export function layerOf(upper: FolderNode, mtime: number): FolderNode {
  const seen = new Set<TreeNode>();
  convert(upper);
  return upper;

  function convert(node: TreeNode): void {
    if (node.type === "store" || seen.has(node)) return;
    seen.add(node);
    const isOpaque = node.attributes.xattrs?.some(([key, value]) => OVERLAY.test(key) && isYes(key, value));
    node.attributes = clean(node.attributes, mtime);
    if (node.type !== "directory") return;
    for (const [name, child] of [...node.children]) {
      if (isWhiteout(child)) {
        node.children.delete(name);
        node.children.set(`${WHITEOUT}${name}`, MARK);
      } else convert(child);
    }
    if (isOpaque) node.children.set(OPAQUE, MARK);
  }
}

const MARK: TreeNode = { type: "file", attributes: rootOwned(0o644), body: { bytes: new Uint8Array() } };

function isYes(key: string, value: string): boolean {
  return OPAQUE_ATTRIBUTE.test(key) && value === "y";
}

function isWhiteout(node: TreeNode): boolean {
  return node.type === "character" && node.devmajor === 0 && node.devminor === 0;
}

function clean({ mtime = Infinity, xattrs, ...rest }: Attributes, latest: number): Attributes {
  const kept = xattrs?.filter(([key]) => KEPT.test(key) && !OVERLAY.test(key)) ?? [];
  return {
    ...rest,
    ...(mtime < latest && { mtime }),
    ...(kept.length > 0 && { xattrs: kept }),
  };
}
