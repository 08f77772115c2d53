import type { Command } from "commander";
import { Option } from "commander";
import type { TreeNode } from "../../store/closure.js";
import { closureMember, isWord } from "../closureMember.js";
import type { TreeDocument } from "../documents/closures.js";
import type { Io } from "../io.js";
import { command, type CommonOptions, whole, withStore } from "../options.js";
import { requireArguments, storePaths } from "../paths.js";
import { Report } from "../report.js";
import { drawn } from "../../store/questions/drawn.js";

interface TreeOptions extends CommonOptions {
  readonly depth?: number;
}

const help = `
Every reference of a path is a line below it. What a path references is shown once; [...] stands for it after that.
Behind the first PATH, the hash part or the name of what is in its closure will do.
With --json: an array of an object a line, {"path","parent","depth","repeated"}; "parent" is null for each PATH.

Example:
  laminix tree ./result --depth 1
  laminix tree ./result ./result-dev`;

export function tree(io: Io): Command {
  return command("tree", "draw the closures of store paths as trees")
    .argument("[PATH...]")
    .addOption(
      new Option("--depth <N>", "how deep to draw: 1 for what the path itself references").argParser(whole),
    )
    .addHelpText("after", help)
    .action(async (args: string[], options: TreeOptions) => {
      requireArguments(args, "PATH");
      const { signal } = io;
      const trees = await withStore(options, async (store) => {
        const isNamed = (arg: string, i: number): boolean => i > 0 && isWord(arg);
        const paths = await storePaths(
          args.filter((arg, i) => !isNamed(arg, i)),
          store,
          signal,
        );
        const closure = await store.closure(paths, { signal });
        const given = [...paths];
        const roots: string[] = [];
        for (const [i, arg] of args.entries()) {
          const named = isNamed(arg, i) ? await closureMember(arg, closure, store, signal) : given.shift();
          roots.push(named ?? arg);
        }
        return roots.map((root) => closure.tree(root, { depth: options.depth }));
      });
      const lines = each(trees, drawn);
      await new Report(io, options).list<TreeDocument>(each(trees, withParents), { lines });
    });
}

function* each<T>(
  trees: readonly Iterable<TreeNode>[],
  lines: (nodes: Iterable<TreeNode>) => Iterable<T>,
): Generator<T> {
  for (const nodes of trees) yield* lines(nodes);
}

function* withParents(nodes: Iterable<TreeNode>): Generator<TreeDocument[number]> {
  const above: string[] = [];
  for (const { path, depth, isRepeated } of nodes) {
    above[depth] = path;
    yield { path, parent: above[depth - 1] ?? null, depth, repeated: isRepeated };
  }
}
