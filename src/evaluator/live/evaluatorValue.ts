/** Values of an evaluator. */
import { requireCount, requireString } from "../../arguments.js";
import { ArgumentError, LaminixError } from "../../errors.js";
import type { Position } from "../nixError.js";
import type { NixProgramOptions } from "../program.js";
import { realise } from "../realise.js";
import type { StorePath } from "../../store/storePath.js";
import type { NixInput } from "../value.js";
import { dataIn, type NixData, type NixDerivation } from "./data.js";
import { boundsOf, checkQuestion, type QuestionOptions, type ToJsOptions } from "./options.js";
import type { Want } from "./questions.js";
import type { Path, Root } from "./root.js";

/** Nix's names of types, but for sets that are derivations. */
export type NixType =
  "derivation" | "set" | "list" | "lambda" | "string" | "path" | "int" | "float" | "bool" | "null";

export interface KeysOptions extends QuestionOptions {
  /** What the names begin with. */
  readonly prefix?: string;
  /** How many at the most. */
  readonly limit?: number;
}

/** What can be told of a value without evaluating what is in it. */
export interface ValueDescription {
  readonly type: NixType;
  /** Where its attribute is defined. */
  readonly position?: Position;
  /** Where it was asked for. */
  readonly value?: NixData;
}

/** Where a string comes from, by store path (Nix's `builtins.getContext`). */
export type StringContext = Readonly<
  Record<
    StorePath,
    { readonly path?: true; readonly allOutputs?: true; readonly outputs?: readonly string[] }
  >
>;

/** The evaluator, as its values see it. */
export interface ValueHost {
  readonly mode: "read-only" | "read-write";
  /** Of programs that work for it. */
  readonly programOptions: Omit<NixProgramOptions, "signal" | "onLog">;
  ask<T>(value: EvaluatorValue, want: Want, options: QuestionOptions): Promise<T>;
  apply(
    value: EvaluatorValue,
    args: readonly (NixInput | EvaluatorValue)[],
    options: QuestionOptions,
  ): Promise<EvaluatorValue>;
  placeOf(position: Position | null): Position | undefined;
}

/**
 * A value that Nix has, or would have: a root and a path from there. It holds nothing in Nix, and nothing is evaluated
 * until it is asked. Functions on the way that take their arguments by name are called with `autoArgs`, as Nix's `-A`
 * does.
 *
 * Every question rejects with an `ArgumentError` (ERR_ARGUMENT) for a wrong argument, the signal's reason when it aborts,
 * and ERR_EVALUATION with {@link EvaluationDetails}; ERR_EVALUATION_BUILDS where something has to be built in read-only
 * mode; ERR_EVALUATION_TIME, ERR_EVALUATOR_MEMORY, ERR_EVALUATOR_BUSY; ERR_EVALUATOR_STALE for what came from a call, where
 * its process has ended; ERR_JSON for strings that are not UTF-8; ERR_CLOSED, ERR_PROGRAM.
 */
export class EvaluatorValue {
  readonly #evaluator: ValueHost;
  /** @internal */
  readonly root: Root;
  readonly path: Path;

  /** @internal */
  constructor(evaluator: ValueHost, root: Root, path: Path) {
    this.#evaluator = evaluator;
    this.root = root;
    this.path = path;
  }

  /** The value of an attribute, or of one in it; a number is an item of a list. Asks nothing. */
  get(...path: Path): EvaluatorValue {
    path.forEach((name, i) => {
      if (typeof name === "number") requireCount(name, `path[${String(i)}]`);
      else requireName(name, `path[${String(i)}]`);
    });
    return new EvaluatorValue(this.#evaluator, this.root, [...this.path, ...path]);
  }

  /** An item of a list, counted from 0. Asks nothing. */
  at(index: number): EvaluatorValue {
    requireCount(index, "index");
    return new EvaluatorValue(this.#evaluator, this.root, [...this.path, index]);
  }

  /** Its type, and where it is defined, in one round; with the value itself if `value` is true. */
  async describe(options: ToJsOptions & { readonly value?: boolean } = {}): Promise<ValueDescription> {
    const bounds = boundsOf(options, ["value"]);
    const want = { type: null, position: null, ...(options.value && { value: bounds }) };
    const answer = await this.#ask<{ type: NixType; position: Position | null; value?: unknown }>(
      want,
      options,
    );
    const position = this.#evaluator.placeOf(answer.position);
    return {
      type: answer.type,
      ...(position && { position }),
      ...("value" in answer && { value: dataIn(answer.value, bounds) }),
    };
  }

  async type(options: QuestionOptions = {}): Promise<NixType> {
    checkQuestion(options);
    return (await this.#ask<{ type: NixType }>({ type: null }, options)).type;
  }

  /**
   * The whole value, evaluated.
   * @throws {LaminixError} ERR_VALUE_TOO_LARGE
   */
  async toJS(options: ToJsOptions = {}): Promise<NixData> {
    const bounds = boundsOf(options);
    const { value } = await this.#ask<{ value: unknown }>({ value: bounds }, options);
    return dataIn(value, bounds);
  }

  /** The names of a set's attributes, sorted by their bytes. */
  async keys(options: KeysOptions = {}): Promise<string[]> {
    checkQuestion(options, ["prefix", "limit"]);
    const { prefix = "", limit } = options;
    requireString(prefix, "options.prefix");
    if (prefix.includes("\0")) return [];
    if (limit !== undefined) requireCount(limit, "options.limit");
    return (await this.#ask<{ keys: string[] }>({ keys: { prefix, limit: limit ?? null } }, options)).keys;
  }

  /** How many items a list has, or attributes a set. */
  async length(options: QuestionOptions = {}): Promise<number> {
    checkQuestion(options);
    return (await this.#ask<{ length: number }>({ length: null }, options)).length;
  }

  /** The arguments that a function takes by name, each with whether it has a default. */
  async functionArgs(options: QuestionOptions = {}): Promise<Readonly<Record<string, boolean>>> {
    checkQuestion(options);
    return (await this.#ask<{ arguments: Record<string, boolean> }>({ arguments: null }, options)).arguments;
  }

  /** Where an attribute is defined; this value's own unless one in it is named. Of a root and of items there is none. */
  async position(name?: string, options: QuestionOptions = {}): Promise<Position | undefined> {
    checkQuestion(options);
    if (name !== undefined) requireName(name, "name");
    const answer = await this.#ask<{ position: Position | null }>({ position: name ?? null }, options);
    return this.#evaluator.placeOf(answer.position);
  }

  /** Where a string comes from. */
  async context(options: QuestionOptions = {}): Promise<StringContext> {
    checkQuestion(options);
    return (await this.#ask<{ context: StringContext }>({ context: null }, options)).context;
  }

  /**
   * What the function returns, called with one argument after the other. It lives in one of Nix's processes, and is lost
   * with it: by `reload`, where a question is given up, and where the process has grown too large. `load` makes values that
   * last.
   */
  async call(...args: readonly (NixInput | EvaluatorValue)[]): Promise<EvaluatorValue> {
    return this.#evaluator.apply(this, args, {});
  }

  /** The same, for a question that can be given up. */
  async apply(
    args: readonly (NixInput | EvaluatorValue)[],
    options: QuestionOptions = {},
  ): Promise<EvaluatorValue> {
    if (!Array.isArray(args)) throw new ArgumentError("args", "an array", args);
    checkQuestion(options);
    return this.#evaluator.apply(this, args, options);
  }

  /**
   * Builds or fetches a derivation.
   * @returns the paths of its outputs
   * @throws {LaminixError} ERR_EVALUATOR_READ_ONLY unless the mode is `read-write`; ERR_DERIVATION where it is none;
   *   ERR_BUILD with {@link BuildDetails}
   */
  async build(options: QuestionOptions = {}): Promise<StorePath[]> {
    checkQuestion(options);
    if (this.#evaluator.mode === "read-only") {
      throw new LaminixError("ERR_EVALUATOR_READ_ONLY", "a read-only evaluator builds nothing", {
        hint: 'open it with mode: "read-write"',
      });
    }
    const type = await this.type(options);
    if (type !== "derivation") {
      throw new LaminixError("ERR_DERIVATION", `the value is not a derivation; its type is ${type}`, {
        details: { type, path: this.path },
      });
    }
    const { drvPath = "" } = (await this.toJS({ ...options, drvPath: true })) as NixDerivation;
    const { signal, onLog } = options;
    return realise(drvPath, {
      ...this.#evaluator.programOptions,
      ...(signal && { signal }),
      ...(onLog && { onLog }),
    });
  }

  #ask<T>(want: Want, options: QuestionOptions): Promise<T> {
    return this.#evaluator.ask<T>(this, want, options);
  }
}

function requireName(name: unknown, argument: string): void {
  requireString(name, argument);
  if (name.includes("\0")) throw new ArgumentError(argument, "a string without NUL characters", name);
}
