/** The flags of commands that evaluate. */
import type { Command } from "commander";
import { NixExpression } from "../evaluator/expression.js";
import type { NixFile, SubjectOptions } from "../evaluator/subject.js";
import type { NixInput } from "../evaluator/value.js";
import type { Io } from "./io.js";
import { printNixLog } from "./nixLog.js";
import { type CommonOptions, refuseGraph, repeated } from "./options.js";
import { type Pair, withPairs } from "./pairs.js";

export interface EvaluatorFlags extends CommonOptions {
  readonly file?: string;
  readonly attr?: readonly string[];
  readonly arg?: readonly Pair[];
  readonly argstr?: readonly Pair[];
  readonly include?: readonly string[];
  readonly impure?: boolean;
}

export function withEvaluatorFlags(command: Command): Command {
  command
    .option("-f, --file <FILE>", "evaluate a file, or a folder's default.nix")
    .option("-A, --attr <ATTR>", "an attribute of it, such as a.b (repeatable)", repeated)
    .option(
      "-I, --include <PLACE>",
      "where to look up <…> paths: FOLDER or NAME=FOLDER (repeatable)",
      repeated,
    )
    .option("--impure", "let flakes read more than their inputs");
  return withPairs(command, {
    "--arg <NAME EXPR>": "Nix source, for functions that take an argument of this name (repeatable)",
    "--argstr <NAME TEXT>": "a string, for such functions (repeatable)",
  });
}

/** The file, or each of the attributes of it that are asked for. */
export function filesOf({ file = "", attr }: EvaluatorFlags): NixFile[] {
  return attr ? attr.map((attribute) => ({ file, attribute })) : [{ file }];
}

/** @throws {LaminixError} ERR_USAGE */
export function evaluatorOptions(flags: EvaluatorFlags, io: Io): SubjectOptions {
  refuseGraph(flags);
  const { arg = [], argstr = [], include, impure } = flags;
  const args: readonly (readonly [string, NixInput])[] = [
    ...arg.map(([name, text]) => [name, new NixExpression(text)] as const),
    ...argstr,
  ];
  return {
    store: flags.store,
    env: io.environment,
    signal: io.signal,
    onLog: printNixLog(io, flags),
    ...(args.length > 0 && { autoArgs: Object.fromEntries(args) }),
    ...(include && { include }),
    ...(impure && { impure }),
  };
}
