import type { Command } from "commander";
import { LaminixError } from "../../errors.js";
import type { Subject } from "../../evaluator/subject.js";
import { evaluatorOptions, type EvaluatorFlags, fileOf, withEvaluatorFlags } from "../evaluatorFlags.js";
import type { Io } from "../io.js";
import { command } from "../options.js";

interface EvalOptions extends EvaluatorFlags {
  readonly flake?: string;
  readonly readWriteMode?: boolean;
}

export function evaluation(io: Io): Command {
  return withEvaluatorFlags(command("eval", "print the value of a Nix expression as JSON"))
    .argument("[EXPR]")
    .option("--flake <REF>", "evaluate a flake's output, such as nixpkgs#hello.name")
    .option("--read-write-mode", "write derivations to the store, and build what is imported from them")
    .addHelpText("after", examples)
    .action(async (expression: string | undefined, options: EvalOptions) => {
      const subject = subjectOf(expression, options);
      const { evaluate } = await import("../../evaluator/evaluate.js");
      const { formatJson, fromJs } = await import("../../bytes/json.js");
      const value = await evaluate(subject, {
        ...evaluatorOptions(options, io),
        ...(options.readWriteMode && { mode: "read-write" }),
      });
      await io.stdout.write(`${formatJson(fromJs(value, "the value"))}\n`);
    });
}

const examples = `
Examples:
  laminix eval '{ who }: "hello " + who' --argstr who world
  laminix eval --file default.nix -A hello.version
  laminix eval --flake nixpkgs#hello.name`;

function subjectOf(expression: string | undefined, options: EvalOptions): Subject {
  const { file, flake, attr } = options;
  if ([expression, file, flake].filter((subject) => subject !== undefined).length !== 1) {
    throw new LaminixError("ERR_USAGE", "one of EXPR, --file and --flake is needed");
  }
  if (file !== undefined) return fileOf(options);
  if (attr !== undefined) throw new LaminixError("ERR_USAGE", "--attr goes with --file");
  return flake === undefined ? (expression ?? "") : { flake };
}
