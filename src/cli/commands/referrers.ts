import type { Command } from "commander";
import type { PathsDocument } from "../documents/closures.js";
import type { Io } from "../io.js";
import { command, type CommonOptions, withDaemon } from "../options.js";
import { requireArguments, storePaths } from "../paths.js";
import { Report } from "../report.js";

interface Options extends CommonOptions {
  readonly closure?: boolean;
}

const help = `
One path a line, sorted. What the store does not have references nothing.
With --json: an array of paths.

Example:
  laminix referrers ./result --closure`;

export function referrers(io: Io): Command {
  return command("referrers", "list the valid store paths that reference any of these")
    .argument("[PATH...]")
    .addHelpText("after", help)
    .option("--closure", "include indirect referrers, and the paths themselves")
    .action(async (args: string[], options: Options) => {
      requireArguments(args, "PATH");
      const { signal } = io;
      await withDaemon(options, async (store) => {
        const paths = await storePaths(args, store, signal);
        const found = options.closure
          ? await store.referrersClosure(paths, { signal })
          : [...new Set((await Promise.all(paths.map((path) => store.referrers(path, { signal })))).flat())];
        found.sort();
        const lines = found.map((path) => `${path}\n`);
        await new Report(io, options).list<PathsDocument>(found, { lines });
      });
    });
}
