/** A piece as a tree. */
import { toByteString } from "../../bytes/byteString.js";
import {
  FOLDER,
  type FolderNode,
  folderNode,
  linkNode,
  partsOf,
  rootOwned,
  type TreeNode,
} from "../../tree/node.js";
import type { Piece, PieceFile } from "./piece.js";

export function pieceTree({ files }: Piece): FolderNode {
  const root = folderNode();
  // Shorter paths first: a folder has its mode before it is made for what is in it.
  const sorted = Object.entries(files).sort(([one], [other]) => one.length - other.length);
  for (const [path, file] of sorted) {
    const parts = partsOf(toByteString(path));
    let folder = root;
    for (const part of parts.slice(0, -1)) {
      const there = folder.children.get(part);
      const inner = there?.type === "directory" ? there : folderNode();
      folder.children.set(part, inner);
      folder = inner;
    }
    folder.children.set(parts.at(-1) ?? "", nodeOf(file));
  }
  return root;
}

function nodeOf(file: PieceFile): TreeNode {
  if ("link" in file) return linkNode(toByteString(file.link));
  const mode = file.mode === undefined ? undefined : Number.parseInt(file.mode, 8);
  if ("folder" in file) return folderNode(mode === undefined ? FOLDER : rootOwned(mode));
  return { type: "file", attributes: rootOwned(mode ?? 0o644), body: { bytes: Buffer.from(file.text) } };
}
