/** Packages that a closure has more than once, their copies, and what references each. */
import { bytes, counted } from "../../../../src/format.js";
import type { Server } from "../server.js";
import { nameOf, type Node } from "./node.js";

export async function duplicateNodes(
  server: Server,
  root: string,
): Promise<{ readonly nodes: Node[]; readonly summary: string }> {
  const found = await server.ask("laminix/duplicates", { path: root });
  const nodes = found.map(({ name, output, narSize, copies }): Node => {
    const below = copies.map(({ path, version, narSize: size, addedSize, referrers }): Node => ({
      label: version === "" ? nameOf(path) : version,
      description: bytes(size),
      tooltip: `${path}\nwithout it the closure is ${bytes(addedSize)} smaller`,
      path,
      root,
      ...(referrers.length > 0 && { below: () => referrers.map((each) => referrerNode(root, each)) }),
    }));
    return {
      label: output === "" ? name : `${name} (${output})`,
      description: `${counted(copies.length, "path")}, ${bytes(narSize)}`,
      below: () => below,
    };
  });
  const summary =
    nodes.length === 0
      ? `Nothing is in the closure of ${nameOf(root)} more than once.`
      : `${counted(nodes.length, "package")} more than once in the closure of ${nameOf(root)}`;
  return { nodes, summary };
}

function referrerNode(root: string, path: string): Node {
  return { label: nameOf(path), description: "references it", icon: "arrow-small-left", path, root };
}
