import type { Command } from "commander";
import type { TreeNode } from "../../store/closure.js";
import type { Io } from "../io.js";
import { jsonArray, writeLines } from "../lines.js";
import { command, type CommonOptions, withStore } from "../options.js";
import { storePaths } from "../paths.js";
import { drawn } from "../tree.js";

const help = `
Every reference of a path is a line below it. What a path references is shown once; [...] stands for it after that.
With --json: an array of an object a line, {"path","parent","depth","repeated"}; "parent" is null for the first.

Example:
  laminix tree ./result`;

export function tree(io: Io): Command {
  return command("tree", "draw the closure of a store path as a tree")
    .argument("<PATH>")
    .addHelpText("after", help)
    .action(async (path: string, options: CommonOptions) => {
      const nodes = await withStore(options, async (store) => {
        const roots = await storePaths([path], store, io.signal);
        const closure = await store.closure(roots, { signal: io.signal });
        return closure.tree(roots[0] ?? path);
      });
      await writeLines(io, options.json ? jsonArray(withParents(nodes)) : drawn(nodes));
    });
}

function* withParents(nodes: Iterable<TreeNode>): Generator<object> {
  const above: string[] = [];
  for (const { path, depth, isRepeated } of nodes) {
    above[depth] = path;
    yield { path, parent: above[depth - 1] ?? null, depth, repeated: isRepeated };
  }
}
