import type { Command } from "commander";
import type { Duplicate } from "../../store/questions/duplicates.js";
import type { DuplicatesDocument } from "../documents/closures.js";
import { bytes, counted, namesOf } from "../../format.js";
import type { Io } from "../io.js";
import { command, type CommonOptions, withStore } from "../options.js";
import { requireArguments, storePaths } from "../paths.js";
import { Report } from "../report.js";

const help = `
For each package, output by output, that is there more than once: every path of it, its bytes, and what references it.
With --json: an array of {"name","output","narSize","copies":[{"path","version","narSize","addedSize","referrers"}]};
"addedSize" is what would leave the closure with the path.

A closure of one nixpkgs seldom has any; closures of two have what changed in between twice, one of each.

Example:
  laminix duplicates ./result
  laminix duplicates ./result-before ./result`;

export function duplicates(io: Io): Command {
  return command("duplicates", "list packages that a closure has several versions or builds of")
    .argument("[PATH...]")
    .addHelpText("after", help)
    .action(async (paths: string[], options: CommonOptions) => {
      requireArguments(paths, "PATH");
      const closure = await withStore(options, async (store) =>
        store.closure(await storePaths(paths, store, io.signal), { signal: io.signal }),
      );
      const found = closure.duplicates();
      const total = found.reduce((sum, { narSize }) => sum + narSize, 0);
      const summary = `${counted(found.length, "package")} more than once, ${bytes(total)}`;
      await new Report(io, options).list<DuplicatesDocument>(found, { lines: found.map(text), summary });
    });
}

function text({ name, output, narSize, copies }: Duplicate): string {
  const head = `${name}${output && ` (${output})`}  ${counted(copies.length, "path")}, ${bytes(narSize)}\n`;
  const lines = copies.map(({ path, narSize: size, referrers }) => {
    const from = referrers.length === 0 ? "nothing" : namesOf(referrers);
    return `  ${bytes(size).padStart(8)}  ${path}  from ${from}\n`;
  });
  return `${head}${lines.join("")}`;
}
