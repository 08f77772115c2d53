/** The database of a Nix store as a tree. */
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { TemporaryFolder } from "../files/temporary.js";
import { type FolderNode, folderNode, linkNode, rootOwned, type TreeNode } from "../tree/node.js";
import { type NixDatabaseOptions, writeNixDatabase } from "./nixDatabase.js";

/** @throws {LaminixError} as `writeNixDatabase` */
export async function nixDatabaseTree(options: Omit<NixDatabaseOptions, "root">): Promise<FolderNode> {
  using folder = new TemporaryFolder();
  await writeNixDatabase({ ...options, root: folder.path });
  return { ...folderNode(), children: childrenOf(folder.path) };
}

function childrenOf(folder: string): Map<string, TreeNode> {
  return new Map(readdirSync(folder, "latin1").map((name) => [name, nodeOf(join(folder, name))]));
}

function nodeOf(path: string): TreeNode {
  const stats = lstatSync(path);
  if (stats.isSymbolicLink()) return linkNode(readlinkSync(path, "latin1"));
  const attributes = rootOwned(stats.mode & 0o777);
  if (!stats.isDirectory()) return { type: "file", attributes, body: { bytes: readFileSync(path) } };
  return { type: "directory", attributes, children: childrenOf(path) };
}
