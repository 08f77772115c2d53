/** The trees that a script runs over, as one archive, and what of the store is mounted in place of being copied. */
import { lstatSync, readlinkSync } from "node:fs";
import { fsPath, toByteString } from "../bytes/byteString.js";
import { reading } from "../files/walk.js";
import { FOLDER, type FolderNode, folderNode, linkNode, rootOwned, type TreeNode } from "../tree/node.js";
import { plainNode } from "../tree/storeFiles.js";
import { writeTreeTar } from "../tree/tarFile.js";
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
  await writeTreeTar(file, root, { mtime, signal: options.signal });
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
