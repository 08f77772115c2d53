import type { Command } from "commander";
import { Option } from "commander";
import { changeText } from "../../store/questions/changeText.js";
import type { ClosureDiff, PackageChange } from "../../store/questions/diffClosures.js";
import type { DiffDocument } from "../documents/closures.js";
import { bytes, counted, moreBytes } from "../../format.js";
import type { Io } from "../io.js";
import { diffMarkdown } from "../markdown.js";
import { command, type CommonOptions, withStore } from "../options.js";
import { storePaths } from "../paths.js";
import { Report } from "../report.js";

interface DiffOptions extends CommonOptions {
  readonly markdown?: boolean;
}

const help = `
A line for each package that is not the same: the versions that went (∅ for none, ε for one without a number) and those
that came, and its bytes. Names and versions are read from the paths, as nix store diff-closures does.
With --json: {"changes":[{"name","kind","removedVersions","addedVersions","removed":[{"path","version","output",
"narSize"}],"added":[…],"narSizeDelta"}],"before":{"size","narSize"},"after":{…},"narSizeDelta","warnings":[…]}; "kind" is added,
removed, version, outputs or rebuilt.

Example:
  laminix diff ./result-before ./result
  laminix diff ./result-before ./result --markdown | gh pr comment --body-file -`;

export function diff(io: Io): Command {
  return command("diff", "compare the closures of two store paths")
    .argument("<OLD>")
    .argument("<NEW>")
    .addOption(new Option("--markdown", "a table for a pull request").conflicts("json"))
    .addHelpText("after", help)
    .action(async (...[oldArg, newArg, options]: [string, string, DiffOptions]) => {
      const { diffClosures } = await import("../../store/questions/diffClosures.js");
      const found = await withStore(options, async (store) => {
        const [old = oldArg, new_ = newArg] = await storePaths([oldArg, newArg], store, io.signal);
        const [before, after] = await Promise.all([
          store.closure([old], { signal: io.signal }),
          store.closure([new_], { signal: io.signal }),
        ]);
        return diffClosures(before, after);
      });
      const people = options.markdown
        ? { lines: [diffMarkdown(found)] }
        : { lines: found.changes.map(line), summary: summary(found) };
      await new Report(io, options).facts<DiffDocument>(found, people);
    });
}

function line(change: PackageChange): string {
  const facts = change.narSizeDelta === 0 ? [] : [moreBytes(change.narSizeDelta)];
  return `${change.name}: ${[changeText(change), ...facts].join(", ")}\n`;
}

function summary({ changes, before, after, narSizeDelta }: ClosureDiff): string {
  const sizes = `${bytes(before.narSize)} → ${bytes(after.narSize)}`;
  return `${counted(changes.length, "package")} changed, ${moreBytes(narSizeDelta)} (${sizes})`;
}
