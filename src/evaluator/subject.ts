/** What can be evaluated: an expression, a file, a flake. */
import { resolve } from "node:path";
import { keysOf, requireBoolean, requireOptions } from "../arguments.js";
import { ArgumentError } from "../errors.js";
import { NixExpression } from "./expression.js";
import { type NixProgramOptions, requireText } from "./program.js";
import { type NixInput, quote, toNix } from "./value.js";

export interface NixFile {
  /** The path of a file, or of a folder with a `default.nix`. */
  readonly file: string;
  /** An attribute path in it, such as `hello` or `a.b."c.d"`. */
  readonly attribute?: string;
}

export interface FlakeOutput {
  /** A flake reference, such as `nixpkgs` or `path:/some/folder`; with `#attribute`, unless that is given. */
  readonly flake: string;
  readonly attribute?: string;
}

/** A string is Nix source. */
export type Subject = string | NixExpression | NixFile | FlakeOutput;

export interface SubjectOptions extends NixProgramOptions {
  /** What the expression or file, a function, is called with. */
  readonly args?: { readonly [name: string]: NixInput | undefined };
  /**
   * Arguments for all functions on the way to the value that take them by name, as Nix's `--arg` has it. Each has
   * 128 KiB of source at the most; `args` may be larger.
   */
  readonly autoArgs?: { readonly [name: string]: NixInput | undefined };
  /** Lets a flake read more than its inputs, such as environment variables. Files and expressions always may. */
  readonly impure?: boolean;
}

/** Its own keys. */
export const SUBJECT_KEYS = keysOf<Omit<SubjectOptions, keyof NixProgramOptions>>({
  ...{ args: true, autoArgs: true, impure: true },
});

/** How `nix-instantiate` is told of a file or an expression. */
export interface Instantiation {
  readonly operands: readonly string[];
  readonly input?: string;
  /** Characters that stand before the expression in what is given to Nix, on its first line. */
  readonly columnsBefore: number;
}

/** Linux takes no longer arguments (MAX_ARG_STRLEN, with the byte that ends one). */
const MAX_ARGUMENT = (128 << 10) - 1;

export function isFlake(subject: Subject): subject is FlakeOutput {
  return typeof subject === "object" && (subject as unknown) !== null && "flake" in subject;
}

/**
 * The flake's installable: `flake#attribute`.
 * @throws {ArgumentError} ERR_ARGUMENT
 */
export function flakeInstallable({ flake, attribute }: FlakeOutput, options: SubjectOptions): string {
  requireText(flake, "subject.flake");
  if (options.impure !== undefined) requireBoolean(options.impure, "options.impure");
  for (const name of ["args", "autoArgs"] as const) {
    if (options[name] !== undefined) {
      throw new ArgumentError(`options.${name}`, "left out: a flake takes no arguments", options[name]);
    }
  }
  if (attribute === undefined) return flake;
  requireText(attribute, "subject.attribute");
  if (flake.includes("#")) throw new ArgumentError("subject.flake", "without # beside an attribute", flake);
  return `${flake}#${attribute}`;
}

/** @throws {ArgumentError} ERR_ARGUMENT */
export function instantiation(
  subject: Exclude<Subject, FlakeOutput>,
  { args, autoArgs = {}, cwd = "." }: SubjectOptions,
): Instantiation {
  if (args !== undefined) requireOptions(args, "options.args");
  requireOptions(autoArgs, "options.autoArgs");
  const flags = Object.entries(autoArgs)
    .filter(([, value]) => value !== undefined)
    .flatMap(([name, value]) => {
      requireText(name, "the name of an argument in options.autoArgs");
      return ["--arg", name, argument(value, `options.autoArgs.${name}`)];
    });
  const call = args === undefined ? undefined : toNix(args, "options.args");

  if (typeof subject === "string" || subject instanceof NixExpression) {
    if (typeof subject === "string") requireText(subject, "subject");
    const text = typeof subject === "string" ? subject : subject.text;
    if (call === undefined) return { operands: [...flags, "-"], input: text, columnsBefore: 0 };
    return { operands: [...flags, "-"], input: `(${text}\n) ${call}`, columnsBefore: 1 };
  }

  requireOptions(subject, "subject");
  const { file, attribute } = subject;
  requireText(file, "subject.file");
  if (attribute !== undefined) {
    requireText(attribute, "subject.attribute");
    flags.push("-A", attribute);
  }
  const path = resolve(cwd, file);
  if (call === undefined) return { operands: [...flags, path], columnsBefore: 0 };
  const source = `import (/. + ${quote(path, "subject.file")}) ${call}`;
  return { operands: [...flags, "-"], input: source, columnsBefore: 0 };
}

function argument(value: unknown, name: string): string {
  const text = toNix(value, name);
  if (Buffer.byteLength(text) <= MAX_ARGUMENT) return text;
  throw new ArgumentError(name, "no more than 128 KiB of Nix source (options.args may be larger)", value);
}
