import { type Command, InvalidArgumentError } from "commander";
import { LaminixError } from "../../errors.js";
import type { NixExpression } from "../../evaluator/expression.js";
import type { NixValue } from "../../evaluator/json.js";
import type { Evaluator } from "../../evaluator/live/evaluator.js";
import type { EvaluatorValue } from "../../evaluator/live/evaluatorValue.js";
import type { Subject } from "../../evaluator/subject.js";
import { evaluatorOptions, type EvaluatorFlags, filesOf, withEvaluatorFlags } from "../evaluatorFlags.js";
import type { Io } from "../io.js";
import { command } from "../options.js";
import { Report } from "../report.js";

interface EvalOptions extends EvaluatorFlags {
  readonly flake?: string;
  readonly readWriteMode?: boolean;
  readonly apply?: string;
  readonly keys?: boolean;
  readonly prefix?: string;
  readonly limit?: number;
}

export function evaluation(io: Io): Command {
  return withEvaluatorFlags(command("eval", "print the value of a Nix expression as JSON"))
    .argument("[EXPR]")
    .option("--flake <REF>", "evaluate a flake's output, such as nixpkgs#hello.name")
    .option("--apply <EXPR>", "a function that the value is given to, or each of the values")
    .option("--keys", "print the names of a set's attributes, one a line")
    .option("--prefix <TEXT>", "of --keys: only names that begin so")
    .option("--limit <N>", "of --keys: so many at the most", count)
    .option("--read-write-mode", "write derivations to the store, and build what is imported from them")
    .addHelpText("after", help)
    .action(async (expression: string | undefined, options: EvalOptions) => {
      const subjects = subjectsOf(expression, options);
      checkFlags(options, subjects);
      const { formatJson, fromJs } = await import("../../bytes/json.js");
      const values = await valuesOf(subjects, options, io);
      const value = values.length === 1 ? values[0] : Object.fromEntries(named(options.attr ?? [], values));
      const document = `${formatJson(fromJs(value, "the value"))}\n`;
      const lines = options.keys ? (value as readonly string[]).map((name) => `${name}\n`) : [document];
      await new Report(io, options).text(document, { lines });
    });
}

const help = `
With several -A, the values are the values of one object, by attribute.
With --json: the same; with --keys an array of names.

Examples:
  laminix eval '{ who }: "hello " + who' --argstr who world
  laminix eval --file default.nix -A hello.version -A curl.version
  laminix eval --file default.nix -A hello --apply 'p: "\${p.pname} \${p.version}"'
  laminix eval --file default.nix --keys --prefix python3
  laminix eval --flake nixpkgs#hello.name`;

function count(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
}

function subjectsOf(expression: string | undefined, options: EvalOptions): Subject[] {
  const { file, flake, attr } = options;
  if ([expression, file, flake].filter((subject) => subject !== undefined).length !== 1) {
    throw new LaminixError("ERR_USAGE", "one of EXPR, --file and --flake is needed");
  }
  if (file !== undefined) return filesOf(options);
  if (attr !== undefined) throw new LaminixError("ERR_USAGE", "--attr goes with --file");
  return [flake === undefined ? (expression ?? "") : { flake }];
}

function checkFlags({ keys, apply, prefix, limit }: EvalOptions, subjects: readonly Subject[]): void {
  if (!keys && (prefix !== undefined || limit !== undefined)) {
    throw new LaminixError("ERR_USAGE", `${prefix === undefined ? "--limit" : "--prefix"} goes with --keys`);
  }
  if (keys && apply !== undefined) throw new LaminixError("ERR_USAGE", "--keys does not go with --apply");
  if (keys && subjects.length > 1) throw new LaminixError("ERR_USAGE", "--keys takes one --attr");
}

async function valuesOf(subjects: readonly Subject[], options: EvalOptions, io: Io): Promise<NixValue[]> {
  const { evaluate, evaluateFlake } = await import("../../evaluator/evaluate.js");
  const { isFlake } = await import("../../evaluator/subject.js");
  const given = {
    ...evaluatorOptions(options, io),
    ...(options.readWriteMode && { mode: "read-write" as const }),
  };
  const [subject = "", ...others] = subjects;
  const { apply, keys, prefix, limit } = options;
  if (isFlake(subject))
    return [await evaluateFlake(subject, given, keys ? (await keysOf(options)).text : apply)];
  if (others.length === 0 && apply === undefined && !keys) return [await evaluate(subject, given)];
  const { openEvaluator } = await import("../../evaluator/live/openEvaluator.js");
  const { autoArgs, ...opened } = given;
  await using evaluator = await openEvaluator({ ...opened, spare: false });
  const load = (each: Subject): Promise<EvaluatorValue> => evaluator.load(each, autoArgs && { autoArgs });
  if (keys)
    return [
      await (
        await load(subject)
      ).keys({ ...(prefix !== undefined && { prefix }), ...(limit !== undefined && { limit }) }),
    ];
  return await applied(evaluator, await Promise.all(subjects.map(load)), apply);
}

/** What each value is after a function, printed as `evaluate` would give it. */
async function applied(
  evaluator: Evaluator,
  values: readonly EvaluatorValue[],
  apply = "x: x",
): Promise<NixValue[]> {
  const { nix } = await import("../../evaluator/template.js");
  const { NixExpression } = await import("../../evaluator/expression.js");
  const { parseNixJson } = await import("../../evaluator/json.js");
  const toJson = await evaluator.load(nix`f: x: builtins.toJSON (f x)`);
  const changed = await evaluator.load(new NixExpression(apply));
  const results: NixValue[] = [];
  for (const value of values) {
    const text = (await (await toJson.call(changed, value)).toJS()) as string;
    results.push(parseNixJson(Buffer.from(text)));
  }
  return results;
}

/** A flake is evaluated by a program. */
async function keysOf({ prefix = "", limit }: EvalOptions): Promise<NixExpression> {
  const { nix } = await import("../../evaluator/template.js");
  return nix`set: let
    names = builtins.filter (name: builtins.substring 0 (builtins.stringLength ${prefix}) name == ${prefix})
      (builtins.attrNames set);
    count = builtins.length names;
    limit = ${limit ?? null};
  in builtins.genList (builtins.elemAt names) (if limit != null && limit < count then limit else count)`;
}

function named(names: readonly string[], values: readonly unknown[]): [string, unknown][] {
  return names.map((name, i) => [name, values[i]]);
}
