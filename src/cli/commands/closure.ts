import type { Command } from "commander";
import { bytes, counted } from "../format.js";
import type { Io } from "../io.js";
import { command, type CommonOptions, withStore } from "../options.js";
import { requireArguments, storePaths } from "../paths.js";

interface ClosureOptions extends CommonOptions {
  readonly sizes?: boolean;
}

export function closure(io: Io): Command {
  return command("closure", "store paths with all that they reference, dependencies first")
    .argument("[PATH...]")
    .option("--sizes", "print the bytes of each path's NAR before it")
    .action(async (paths: string[], options: ClosureOptions) => {
      requireArguments(paths, "PATH");
      const found = await withStore(options, async (store) =>
        store.closure(await storePaths(paths, store, io.signal), { signal: io.signal }),
      );
      if (options.json) return io.stdout.write(`${JSON.stringify([...found])}\n`);
      const { narSizes } = found;
      const lines = found.paths.map((path, row) =>
        options.sizes ? `${String(narSizes[row])}\t${path}\n` : `${path}\n`,
      );
      await io.stdout.write(lines.join(""));
      if (options.sizes && !options.quiet) {
        io.stderr.write(`${counted(found.size, "store path")}, ${bytes(found.narSize)}\n`);
      }
    });
}
