/** The tar of a tree in a new file. */
import { closeSync, openSync, writeSync } from "node:fs";
import { Fingerprint } from "../tar/fingerprint.js";
import type { FolderNode } from "./node.js";
import { treePieces, type TreeTarOptions } from "./tar.js";

/**
 * Hard links are kept.
 * @returns bytes
 * @throws as `treePieces`, and what the file system refuses
 */
export async function writeTreeTar(
  file: string,
  root: FolderNode,
  { mtime, signal }: Pick<TreeTarOptions, "mtime" | "signal">,
): Promise<number> {
  const fd = openSync(file, "wx", 0o600);
  let size = 0;
  try {
    const fingerprint = new Fingerprint();
    for await (const piece of treePieces(root, { mtime, signal, hardLinks: "keep", fingerprint })) {
      for (let at = 0; at < piece.length;) at += writeSync(fd, piece, at);
      size += piece.length;
    }
    return size;
  } finally {
    closeSync(fd);
  }
}
