/** How an evaluator is opened and asked. */
import {
  checkGiven,
  keysOf,
  requireBoolean,
  requireCount,
  requireKnown,
  requireOneOf,
} from "../../arguments.js";
import { ArgumentError } from "../../errors.js";
import { checkOptions, type NixProgramOptions } from "../program.js";
import type { Bounds } from "./data.js";

export interface EvaluatorOptions extends NixProgramOptions {
  /**
   * `read-only`, the default, writes nothing to the store: derivations go to a store of the evaluator's own, and what
   * would have to be built to go on is refused. `read-write` uses the real store, and builds.
   */
  readonly mode?: "read-only" | "read-write";
  /** Pure evaluation: no environment, no files but those of locked inputs. Where Nix has it. */
  readonly pure?: boolean;
  /** Processes that answer at the same time; 1 unless given. Each has the values in its own memory. */
  readonly workers?: number;
  /**
   * Whether another process is kept at hand, with all that was loaded, for when a question is given up; it is unless this is
   * false.
   */
  readonly spare?: boolean;
  /** Bytes of memory that one process may have; 4 GiB unless given. */
  readonly memoryLimit?: number;
  /** Questions that may wait at once; 65,536 unless given. */
  readonly maxQueued?: number;
  /** Watches the files that are imported: the evaluator emits `change`, and reloads before the next answer. */
  readonly watch?: boolean;
}

/** Of one question. */
export interface QuestionOptions {
  /** Gives the question up. The process that was at it ends; others see no more than a delay. */
  readonly signal?: AbortSignal;
  /** Milliseconds that its evaluation may take. */
  readonly timeout?: number;
  /** Called with what Nix says while it answers. */
  readonly onLog?: NixProgramOptions["onLog"];
}

export interface ToJsOptions extends QuestionOptions {
  /** How deep the value may be nested; 1000 unless given. */
  readonly depth?: number;
  /** How large it may be: a character counts 1, and a value in a list or a set 16; 64 Mi unless given. */
  readonly size?: number;
  /** Whether derivations are instantiated, to give their `drvPath`; they are not unless given. */
  readonly drvPath?: boolean;
}

const EVALUATOR_KEYS = keysOf<Omit<EvaluatorOptions, keyof NixProgramOptions>>({
  ...{ mode: true, pure: true, workers: true, spare: true, memoryLimit: true, maxQueued: true, watch: true },
});
const QUESTION_KEYS = keysOf<QuestionOptions>({ signal: true, timeout: true, onLog: true });
const BOUNDS_KEYS = keysOf<Omit<ToJsOptions, keyof QuestionOptions>>({
  ...{ depth: true, size: true, drvPath: true },
});

/** @throws {ArgumentError} ERR_ARGUMENT */
export function checkEvaluatorOptions(options: EvaluatorOptions): void {
  checkOptions(options, EVALUATOR_KEYS);
  checkGiven(options, "options", {
    mode: (value, name) => {
      requireOneOf(value, ["read-only", "read-write"], name);
    },
    pure: requireBoolean,
    spare: requireBoolean,
    watch: requireBoolean,
    workers: requirePositive,
    memoryLimit: requirePositive,
    maxQueued: requirePositive,
  });
}

/**
 * @param more keys of the question's own
 * @throws {ArgumentError} ERR_ARGUMENT
 */
export function checkQuestion(options: QuestionOptions, more: readonly string[] = []): void {
  requireKnown(options, [...QUESTION_KEYS, ...more]);
  checkOptions({ ...(options.onLog !== undefined && { onLog: options.onLog }) });
  checkGiven(options, "options", { timeout: requirePositive });
}

/**
 * @param more keys of the question's own
 * @throws {ArgumentError} ERR_ARGUMENT
 */
export function boundsOf(options: ToJsOptions, more: readonly string[] = []): Bounds {
  checkQuestion(options, [...BOUNDS_KEYS, ...more]);
  checkGiven(options, "options", { depth: requireCount, size: requireCount, drvPath: requireBoolean });
  const { depth = 1000, size = 64 << 20, drvPath = false } = options;
  return { depth, size, drvPath };
}

function requirePositive(value: unknown, argument: string): void {
  if (!Number.isSafeInteger(value) || (value as number) < 1)
    throw new ArgumentError(argument, "a positive integer", value);
}
