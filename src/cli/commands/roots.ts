import type { Command } from "commander";
import type { RootsDocument } from "../documents/closures.js";
import type { Io } from "../io.js";
import { command, type CommonOptions, withDaemon } from "../options.js";
import { requireArguments, storePaths } from "../paths.js";
import { Report } from "../report.js";
import { drawn } from "../../store/questions/drawn.js";

const help = `
For each path: the garbage collector roots that keep it alive, and under each the shortest chain of references from
the root to the path. A daemon hides where the roots of other users are.
With --json: [{"path","roots":[{"link","path","chain":[PATH,…]},…]},…].

Example:
  laminix roots ./result`;

export function roots(io: Io): Command {
  return command("roots", "show which garbage collector roots keep store paths alive")
    .argument("[PATH...]", "store paths, or links to them")
    .addHelpText("after", help)
    .action(async (args: string[], options: CommonOptions) => {
      requireArguments(args, "PATH");
      const { signal } = io;
      const found = await withDaemon(options, async (store) => {
        const paths = await storePaths(args, store, signal);
        return Promise.all(
          paths.map(async (path) => ({ path, roots: await store.rootsOf(path, { signal }) })),
        );
      });
      const lines = found.flatMap(({ path, roots }) => [
        ...(roots.length === 0 ? [`no root keeps ${path} alive\n`] : []),
        ...roots.flatMap(({ link, chain }) => [
          `${link}\n`,
          ...drawn(chain.map((each, i) => ({ path: each, depth: i + 1, isLast: true, isRepeated: false }))),
        ]),
      ]);
      await new Report(io, options).list<RootsDocument>(found, { lines });
    });
}
