/** Nix expressions evaluated to JavaScript values. */
import { requireOneOf } from "../arguments.js";
import { afterColumns, evaluationFailure } from "./failure.js";
import { type NixValue, parseNixJson } from "./json.js";
import { checkOptions, runNix } from "./program.js";
import {
  type FlakeOutput,
  flakeInstallable,
  instantiation,
  isFlake,
  SUBJECT_KEYS,
  type Subject,
  type SubjectOptions,
} from "./subject.js";

export interface EvaluateOptions extends SubjectOptions {
  /**
   * Whether derivations are written to the store, and what is imported from them built. Unless given, flakes do, and
   * all else does not, as Nix has it.
   */
  readonly mode?: "read-only" | "read-write";
}

/**
 * The value of an expression, of a file, or of a flake's output, evaluated to its last attribute. Functions have no
 * such value; derivations are the path of their output. An older Nix, such as 2.8, gives floats six digits.
 * @throws {ArgumentError} ERR_ARGUMENT
 * @throws {LaminixError} ERR_EVALUATION with {@link EvaluationDetails}; ERR_PROGRAM where there is no Nix; ERR_JSON for
 *   strings that are not UTF-8
 */
export async function evaluate(subject: Subject, options: EvaluateOptions = {}): Promise<NixValue> {
  checkOptions(options, [...SUBJECT_KEYS, "mode"]);
  const { mode } = options;
  if (mode !== undefined) requireOneOf(mode, ["read-only", "read-write"], "options.mode");

  if (isFlake(subject)) return evaluateFlake(subject, options, undefined);

  const { columnsBefore, ...rest } = instantiation(subject, options);
  const command = ["--eval", "--strict", "--json", ...(mode === "read-write" ? ["--read-write-mode"] : [])];
  const stdout = await runNix(
    { program: "nix-instantiate", command, ...rest },
    options,
    (transcript, cause) => evaluationFailure(transcript, cause, afterColumns(columnsBefore)),
  );
  return parseNixJson(stdout);
}

/** @param apply Nix source of a function that the value is given to */
export async function evaluateFlake(
  subject: FlakeOutput,
  options: EvaluateOptions,
  apply: string | undefined,
): Promise<NixValue> {
  const installable = flakeInstallable(subject, options);
  const readOnly = options.mode === "read-only" ? ["--read-only"] : [];
  const command = ["eval", "--json", ...readOnly, ...(apply === undefined ? [] : ["--apply", apply])];
  const operands = [...(options.impure ? ["--impure"] : []), "--", installable];
  const stdout = await runNix({ program: "nix", command, operands }, options, (transcript, cause) =>
    evaluationFailure(transcript, cause, afterColumns(0)),
  );
  return parseNixJson(stdout);
}
