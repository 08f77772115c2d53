/** A closure as a tree, a level at a time. */
import type { TreeEntry } from "../../../../src/editor/questions.js";
import { bytes, counted } from "../../../../src/format.js";
import type { Server } from "../server.js";
import { nameOf, type Node } from "./node.js";

export async function closureNodes(
  server: Server,
  path: string,
): Promise<{ readonly nodes: Node[]; readonly summary: string }> {
  const root = await server.ask("laminix/tree", { path });
  const below = root.below.map((entry) => nodeOf(server, path, entry));
  return {
    nodes: below,
    summary: `${nameOf(path)}: ${bytes(root.closureSize)}, of which ${bytes(root.narSize)} its own. ${references(root)}`,
  };
}

function nodeOf(server: Server, root: string, entry: TreeEntry): Node {
  const { path, narSize, closureSize } = entry;
  return {
    label: nameOf(path),
    description: bytes(closureSize),
    tooltip: `${path}\nNAR: ${bytes(narSize)}\nclosure: ${bytes(closureSize)}\n${references(entry)}`,
    path,
    root,
    ...(entry.references > 0 && {
      below: async () => {
        const level = await server.ask("laminix/tree", { path: root, at: path });
        return level.below.map((each) => nodeOf(server, root, each));
      },
    }),
  };
}

function references({ references: count }: TreeEntry): string {
  return count === 0 ? "It references no other path." : `It references ${counted(count, "path")}.`;
}
