import { existsSync } from "node:fs";
import { absolutePath } from "../../files/home.js";
import type { Command } from "commander";
import { LaminixError } from "../../errors.js";
import type { Installable } from "../../evaluator/realise.js";
import { storeDirOf, type StorePath } from "../../store/storePath.js";
import { evaluatorOptions, type EvaluatorFlags, filesOf, withEvaluatorFlags } from "../evaluatorFlags.js";
import type { PathsDocument } from "../documents/closures.js";
import type { Io } from "../io.js";
import { command } from "../options.js";
import { followed } from "../../store/followed.js";
import { Report } from "../report.js";

export function realisation(io: Io): Command {
  return withEvaluatorFlags(command("realise", "build or fetch store paths, and print them"))
    .argument("[INSTALLABLE...]")
    .addHelpText("after", examples)
    .action(async (args: string[], options: EvaluatorFlags) => {
      const installables = installablesOf(args, options);
      const { realise } = await import("../../evaluator/realise.js");
      const paths: StorePath[] = [];
      for (const installable of installables) {
        paths.push(...(await realise(installable, evaluatorOptions(options, io))));
      }
      const lines = paths.map((path) => `${path}\n`);
      await new Report(io, options).list<PathsDocument>(paths, { lines });
    });
}

const examples = `
An INSTALLABLE is a store path, a derivation's path (with !OUTPUT for only one of its outputs), a link to one, or a
flake's output such as nixpkgs#hello.
With --json: an array of store paths.

Examples:
  laminix realise /nix/store/…-hello.drv
  laminix realise nixpkgs#hello .#default
  laminix realise --file default.nix -A hello`;

function installablesOf(args: readonly string[], options: EvaluatorFlags): Installable[] {
  if ((options.file === undefined) === (args.length === 0)) {
    throw new LaminixError("ERR_USAGE", "either INSTALLABLEs or --file are needed");
  }
  if (options.file !== undefined) return filesOf(options);
  if (options.attr !== undefined) throw new LaminixError("ERR_USAGE", "--attr goes with --file");
  return args.map(installableOf);
}

function installableOf(arg: string): Installable {
  if (storeDirOf(absolutePath(arg)) !== undefined) return absolutePath(arg);
  if (arg.includes("#")) return { flake: arg };
  // What leads to no store path keeps its name, and is refused by it.
  return existsSync(arg) ? followed(arg, undefined) : arg;
}
