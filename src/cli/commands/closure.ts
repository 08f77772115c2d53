import type { Command } from "commander";
import type { Closure } from "../../store/closure.js";
import { type ShownText, styled } from "../colour.js";
import type { ClosureDocument, SizesDocument } from "../documents/closures.js";
import { bytes, counted } from "../../format.js";
import type { Io } from "../io.js";
import { command, type CommonOptions, withStore } from "../options.js";
import { requireArguments, storePaths } from "../paths.js";
import { Report } from "../report.js";

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
      const report = new Report(io, options);
      if (!options.sizes) {
        await report.list<ClosureDocument>(found, { lines: pathLines(found) });
        return;
      }
      const summary = `${counted(found.size, "store path")}, ${bytes(found.narSize)}`;
      await report.list<SizesDocument>(withSizes(found), { lines: sizeTable(found), summary });
    });
}

function* pathLines({ paths }: Closure): Generator<string> {
  for (const path of paths) yield `${path}\n`;
}

function* withSizes(found: Closure): Generator<SizesDocument[number]> {
  const { closureSizes, addedSizes } = found;
  let row = 0;
  for (const info of found) {
    yield { ...info, closureSize: closureSizes[row] ?? 0, addedSize: addedSizes[row] ?? 0 };
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
