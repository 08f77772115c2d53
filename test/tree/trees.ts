/** Trees for tests: from a few words, from tars, and back to words. */
import { applyLayer, type ApplyOptions, emptyRoot } from "../../dist/tree/apply.js";
import {
  type FolderNode,
  folderNode,
  linkNode,
  partsOf,
  rootOwned,
  type TreeNode,
} from "../../dist/tree/node.js";
import type { RandomAccess } from "../../dist/bytes/bytes.js";
import { pack, type Header } from "tar-stream";
import { bytesOf } from "../support/members.js";

/** By path: `-> target` is a link, a path that ends in `/` a folder, anything else the text of a file. */
export type Words = Readonly<Record<string, string>>;

export function treeOf(words: Words): FolderNode {
  const root = folderNode();
  for (const [path, what] of Object.entries(words)) {
    const parts = partsOf(path);
    let folder = root;
    for (const part of parts.slice(0, -1)) {
      const there = folder.children.get(part);
      const inner = there?.type === "directory" ? there : folderNode();
      folder.children.set(part, inner);
      folder = inner;
    }
    folder.children.set(parts.at(-1)!, nodeOf(path, what));
  }
  return root;
}

function nodeOf(path: string, what: string): TreeNode {
  if (path.endsWith("/")) return folderNode();
  if (what.startsWith("-> ")) return linkNode(what.slice(3));
  return { type: "file", attributes: rootOwned(0o644), body: { bytes: Buffer.from(what) } };
}

/** Folders that hold something are told by what they hold. */
export function wordsOf(root: FolderNode, at = ""): Record<string, string> {
  const words: Record<string, string> = {};
  for (const [name, node] of root.children) {
    const path = `${at}${name}`;
    if (node.type === "directory") {
      const inner = wordsOf(node, `${path}/`);
      Object.assign(words, Object.keys(inner).length === 0 ? { [`${path}/`]: "" } : inner);
    } else words[path] = contentsOf(node);
  }
  return words;
}

function contentsOf(node: Exclude<TreeNode, FolderNode>): string {
  if (node.type === "symlink") return `-> ${node.target}`;
  if (node.type !== "file") return node.type;
  const { body } = node;
  if ("bytes" in body) return Buffer.from(body.bytes).toString();
  if ("disk" in body) return body.disk;
  const bytes = Buffer.alloc(body.size);
  body.source.read(bytes, body.size, body.offset);
  return bytes.toString();
}

export type Member = Partial<Header> & { readonly name: string; readonly text?: string };

/** A tar whose members are exactly these, in this order. */
export async function tarOf(members: readonly (Member | string)[]): Promise<Buffer> {
  const tar = pack();
  for (const member of members) {
    const { text = "", ...header } = typeof member === "string" ? { name: member } : member;
    const type = header.name.endsWith("/") ? "directory" : (header.type ?? "file");
    tar.entry({ mode: type === "directory" ? 0o755 : 0o644, mtime: new Date(1000), ...header, type }, text);
  }
  tar.finalize();
  return bytesOf(tar as AsyncIterable<Uint8Array>);
}

export function randomAccess(bytes: Buffer): RandomAccess {
  return {
    size: bytes.length,
    read: (target, length, position) =>
      position >= bytes.length
        ? 0
        : bytes.copy(target, 0, position, Math.min(bytes.length, position + length)),
  };
}

/** What layers add up to. */
export async function layered(
  layers: readonly (readonly (Member | string)[])[],
  options?: ApplyOptions,
): Promise<FolderNode> {
  const root = emptyRoot();
  for (const [i, members] of layers.entries())
    await applyLayer(root, randomAccess(await tarOf(members)), `layer ${String(i + 1)}`, options);
  return root;
}

export const link = (name: string, linkname: string): Member => ({ name, type: "symlink", linkname });
export const hardLink = (name: string, linkname: string): Member => ({ name, type: "link", linkname });
export const file = (name: string, text: string): Member => ({ name, text });
