/** Derivations made into their outputs. */
import { ArgumentError } from "../errors.js";
import { type StorePath, toStorePath } from "../store/storePath.js";
import type { NixExpression } from "./expression.js";
import { afterColumns, buildFailure, evaluationFailure } from "./failure.js";
import { checkOptions, requireText, runNix } from "./program.js";
import {
  type FlakeOutput,
  flakeInstallable,
  instantiation,
  isFlake,
  type NixFile,
  SUBJECT_KEYS,
  type SubjectOptions,
} from "./subject.js";

/** A string is a store path: a derivation, `….drv!output`, or a path that is to be valid. */
export type Installable = string | NixExpression | NixFile | FlakeOutput;

/**
 * Builds or fetches what is not in the store yet. A derivation gives all of its outputs, a flake's output those that it
 * says are to be installed, in no particular order. Nothing keeps the paths from being collected as garbage;
 * `NixStore.tempRoots` does.
 * @throws {ArgumentError} ERR_ARGUMENT
 * @throws {LaminixError} ERR_BUILD with {@link BuildDetails}; ERR_EVALUATION with {@link EvaluationDetails};
 *   ERR_OUTSIDE_STORE, ERR_STORE_PATH; ERR_PROGRAM where there is no Nix
 */
export async function realise(installable: Installable, options: SubjectOptions = {}): Promise<StorePath[]> {
  checkOptions(options, SUBJECT_KEYS);
  if (isFlake(installable)) return buildFlake(installable, options);
  if (typeof installable !== "string") return realisePaths(await instantiate(installable, options), options);
  for (const name of ["args", "autoArgs"] as const) {
    if (options[name] === undefined) continue;
    throw new ArgumentError(`options.${name}`, "left out: a store path takes no arguments", options[name]);
  }
  return realisePaths([checked(installable)], options);
}

/** Only the form is checked here; whether there is such a path, the store knows. */
function checked(installable: string): string {
  requireText(installable, "installable");
  // Nix's new programs write ^ where the others write !, and `^*` for all outputs.
  const [path = "", output, ...rest] = installable.split(/[!^]/);
  if (rest.length > 0 || (output !== undefined && !/^(?:\*|[a-zA-Z0-9+\-._?=]+)$/.test(output))) {
    throw new ArgumentError("installable", "a store path, or one of a derivation with !output", installable);
  }
  const storePath = toStorePath(path);
  return output === undefined || output === "*" ? storePath : `${storePath}!${output}`;
}

async function instantiate(
  subject: Exclude<Installable, string | FlakeOutput>,
  options: SubjectOptions,
): Promise<string[]> {
  const { columnsBefore, ...rest } = instantiation(subject, options);
  const stdout = await runNix(
    { program: "nix-instantiate", command: ["--no-gc-warning"], ...rest },
    options,
    (transcript, cause) => evaluationFailure(transcript, cause, afterColumns(columnsBefore)),
  );
  return linesOf(stdout);
}

async function realisePaths(paths: readonly string[], options: SubjectOptions): Promise<StorePath[]> {
  // Without any, nix-store would wait for some on its standard input.
  if (paths.length === 0) return [];
  const stdout = await runNix(
    { program: "nix-store", command: ["--realise", "--no-gc-warning"], operands: paths },
    options,
    buildFailure,
  );
  return linesOf(stdout).map((path) => toStorePath(path));
}

async function buildFlake(flake: FlakeOutput, options: SubjectOptions): Promise<StorePath[]> {
  const operands = [...(options.impure ? ["--impure"] : []), "--", flakeInstallable(flake, options)];
  const stdout = await runNix(
    { program: "nix", command: ["build", "--no-link", "--json"], operands },
    options,
    (transcript, cause) =>
      transcript.failedBuilds().length > 0
        ? buildFailure(transcript, cause)
        : evaluationFailure(transcript, cause, afterColumns(0)),
  );
  return outputsOf(stdout);
}

/** What `nix build --json` prints: an array of `{ drvPath, outputs: { name: path } }`. */
function outputsOf(stdout: Buffer): StorePath[] {
  const built = JSON.parse(stdout.toString()) as readonly { readonly outputs?: Record<string, unknown> }[];
  return built.flatMap(({ outputs = {} }) => Object.values(outputs)).map((path) => toStorePath(String(path)));
}

function linesOf(stdout: Buffer): string[] {
  return stdout.toString().split("\n").filter(Boolean);
}
