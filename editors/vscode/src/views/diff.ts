/** What is different between two closures, package by package. */
import { bytes, counted, moreBytes } from "../../../../src/format.js";
import { changeText } from "../../../../src/store/questions/changeText.js";
import type { PackagePath } from "../../../../src/store/questions/diffClosures.js";
import type { Server } from "../server.js";
import { nameOf, type Node } from "./node.js";

export async function diffNodes(
  server: Server,
  before: string,
  after: string,
): Promise<{ readonly nodes: Node[]; readonly summary: string }> {
  const diff = await server.ask("laminix/diff", { before, after });
  const nodes = diff.changes.map((change): Node => {
    const { name, narSizeDelta, removed, added } = change;
    const below = [
      ...removed.map((each) => pathNode(each, "diff-removed", before)),
      ...added.map((each) => pathNode(each, "diff-added", after)),
    ];
    const size = narSizeDelta === 0 ? "" : `, ${moreBytes(narSizeDelta)}`;
    return { label: name, description: `${changeText(change)}${size}`, below: () => below };
  });
  const sizes = `${bytes(diff.before.narSize)} → ${bytes(diff.after.narSize)}`;
  const summary = `${counted(nodes.length, "package")} changed, ${moreBytes(diff.narSizeDelta)} (${sizes})`;
  return { nodes, summary };
}

function pathNode({ path, narSize }: PackagePath, icon: string, root: string): Node {
  return { label: nameOf(path), description: bytes(narSize), icon, path, root };
}
