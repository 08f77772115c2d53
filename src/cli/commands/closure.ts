import type { Command } from "commander";
import type { Closure } from "../../store/closure.js";
import { type ShownText, styled } from "../colour.js";
import { bytes, counted } from "../format.js";
import type { Io } from "../io.js";
import { jsonArray, writeLines } from "../lines.js";
import { command, type CommonOptions, withStore } from "../options.js";
import { requireArguments, storePaths } from "../paths.js";

interface ClosureOptions extends CommonOptions {
  readonly sizes?: boolean;
}

const help = `
With --sizes, before each path: the bytes of its NAR, those of its closure, and those that would not be here without it.
With --json: an array of path infos, with "closureSize" and "addedSize" if --sizes is given.

Example:
  laminix closure ./result --sizes`;

export function closure(io: Io): Command {
  return command("closure", "list the closure of store paths, dependencies first")
    .argument("[PATH...]")
    .option("--sizes", "print the NAR size, closure size and added size of each path")
    .addHelpText("after", help)
    .action(async (paths: string[], options: ClosureOptions) => {
      requireArguments(paths, "PATH");
      const found = await withStore(options, async (store) =>
        store.closure(await storePaths(paths, store, io.signal), { signal: io.signal }),
      );
      if (options.json) return writeLines(io, jsonArray(options.sizes ? withSizes(found) : found));
      await writeLines(io, options.sizes ? sizeTable(found) : found.paths.map((path) => `${path}\n`));
      if (options.sizes && !options.quiet) {
        io.stderr.write(`${counted(found.size, "store path")}, ${bytes(found.narSize)}\n`);
      }
    });
}

function* withSizes(found: Closure): Generator<object> {
  const { closureSizes, addedSizes } = found;
  let row = 0;
  for (const info of found) {
    yield { ...info, closureSize: closureSizes[row], addedSize: addedSizes[row] };
    row++;
  }
}

function* sizeTable(found: Closure): Generator<ShownText> {
  const columns = [found.narSizes, found.closureSizes, found.addedSizes];
  const inColumns = (cells: readonly string[]): string => cells.map((cell) => cell.padStart(8)).join("  ");
  yield [styled("heading", `${inColumns(["NAR", "closure", "added"])}  path`), "\n"];
  for (const [row, path] of found.paths.entries()) {
    yield [styled("number", inColumns(columns.map((sizes) => bytes(sizes[row] ?? 0)))), `  ${path}\n`];
  }
}
