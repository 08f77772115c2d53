/** The trees that a script runs over, as one archive, and what of the store is mounted in place of being copied. */
import { closeSync, lstatSync, openSync, readlinkSync, writeSync } from "node:fs";
import { fsPath, toByteString } from "../bytes/byteString.js";
import { reading } from "../files/walk.js";
import { Fingerprint } from "../tar/fingerprint.js";
import { FOLDER, type FolderNode, folderNode, linkNode, rootOwned, type TreeNode } from "../tree/node.js";
import { plainNode } from "../tree/storeFiles.js";
import { treePieces } from "../tree/tar.js";
import type { RootScript, RunOptions } from "./rootScript.js";

/** A store path that is on this disk. */
export interface Bind {
  readonly from: string;
  readonly name: string;
}

/** @returns the store paths that are to be mounted */
export async function treesTar(
  file: string,
  { lower, upper, store, mtime }: RootScript,
  options: Pick<RunOptions, "signal" | "adopt">,
): Promise<Bind[]> {
  const binds: Bind[] = [];
  const paths: [string, TreeNode][] = [];
  for (const [name, node] of store) {
    if (node.type === "store" && "disk" in node.files) {
      const from = node.files.disk;
      const place = placeFor(from);
      if (place.type !== "symlink") binds.push({ from, name });
      paths.push([name, place]);
    } else paths.push([name, node.type === "store" ? await plainNode(node, options) : node]);
  }
  const folder = (children: Iterable<readonly [string, TreeNode]>): FolderNode => ({
    ...{ type: "directory", attributes: FOLDER },
    children: new Map(children),
  });
  const root = folder(Object.entries({ lower, upper, store: folder(paths) }));
  const fd = openSync(file, "wx", 0o600);
  try {
    const { signal } = options;
    for await (const piece of treePieces(root, {
      mtime,
      signal,
      hardLinks: "keep",
      fingerprint: new Fingerprint(),
    }))
      for (let at = 0; at < piece.length;) at += writeSync(fd, piece, at);
  } finally {
    closeSync(fd);
  }
  return binds;
}

/** What something is mounted on; a link is there itself. */
function placeFor(disk: string): TreeNode {
  const path = fsPath(toByteString(disk));
  const stats = reading(disk, () => lstatSync(path));
  if (stats.isDirectory()) return folderNode();
  if (stats.isSymbolicLink()) return linkNode(reading(disk, () => readlinkSync(path, "latin1")));
  return { type: "file", attributes: rootOwned(0o444), body: { bytes: new Uint8Array() } };
}
