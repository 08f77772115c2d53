/** The files of a store path as nodes like others. */
import type { PathFiles } from "../nar/source.js";
import { list, type Listed, type ListOptions } from "./listing.js";
import { linkNode, type OwnNode, rootOwned, type StoreNode } from "./node.js";

const FOLDER = rootOwned(0o555);
const EXECUTABLE = FOLDER;
const FILE = rootOwned(0o444);

/**
 * A store path's tree, with the modes that all files in a store have.
 * @throws {LaminixError} as `list`
 */
export async function plainNode({ files }: StoreNode, options: ListOptions): Promise<OwnNode> {
  return nodeOf(await list(nameOf(files), files, options));
}

function nameOf(files: PathFiles): string {
  return "disk" in files ? files.disk : "a store path";
}

function nodeOf(listed: Listed): OwnNode {
  if (listed.type === "symlink") return linkNode(listed.target);
  if (listed.type === "file") {
    const { body, executable } = listed.contents();
    return { type: "file", attributes: executable ? EXECUTABLE : FILE, body };
  }
  const children = new Map(Array.from(listed.children(), ([name, child]) => [name, nodeOf(child)]));
  return { type: "directory", attributes: FOLDER, children };
}
