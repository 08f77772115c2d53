/**
 * Coded errors: what every failure of this library is made of. docs/errors.md lists the codes. Passwords in URLs are taken
 * out of everything that an error holds.
 */
import { redactText, redactUrl, redactValue } from "./redact.js";

const brand: unique symbol = Symbol.for("laminix.LaminixError") as never;

export interface ErrorOptions {
  /** What was underneath. */
  readonly cause?: unknown;
  /** What a person can do about it. */
  readonly hint?: string;
  /** The things concerned: a path, a digest, what was expected and what was found. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** An error with a stable `code`. Match on the code: messages may change. */
export class LaminixError extends Error {
  override readonly name = "LaminixError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;
  readonly [brand] = true;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    const { cause, hint, details = {} } = options;
    super(redactText(message), cause === undefined ? undefined : { cause: redactValue(cause) });
    this.code = code;
    this.hint = hint === undefined ? undefined : redactText(hint);
    this.details = redactValue(details) as typeof details;
  }

  /** Holds across copies of this package, where the class itself differs. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === "object" && value !== null && brand in value;
  }
}

/**
 * A wrong argument: a `TypeError` as programs expect one, and a coded error as all others here.
 * `details.argument` names it.
 */
export class ArgumentError extends TypeError {
  override readonly name = "ArgumentError";
  readonly code: ErrorCode = "ERR_ARGUMENT";
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;
  readonly [brand] = true;

  /** @param argument its name, with the way to it: `options.signal` */
  constructor(argument: string, expected: string, received: unknown);
  /** Of an option that does not exist. */
  constructor(argument: string, unknown: { readonly hint: string });
  constructor(argument: string, problem: string | { readonly hint: string }, received?: unknown) {
    const isUnknown = typeof problem === "object";
    const text = isUnknown ? "is not an option" : `must be ${problem}; received ${describe(received)}`;
    super(redactText(`${argument} ${text}`));
    this.hint = isUnknown ? redactText(problem.hint) : undefined;
    this.details = { argument: redactText(argument) };
  }
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "string") {
    // Before it is cut: a password is told by what follows it.
    const text = redactUrl(value);
    return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
  }
  if (typeof value === "object") return isArray(value) ? "an array" : "an object";
  if (typeof value === "number" || typeof value === "boolean") return `the ${typeof value} ${String(value)}`;
  return `a ${typeof value}`;
}

/** A proxy that has been revoked cannot even be asked for this. */
function isArray(value: object): boolean {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}

/** A name of somebody else's as a message may end in it: in quotes where it could not be seen. */
export function named(name: string): string {
  return /^\S(?:.*\S)?$/s.test(name) ? name : JSON.stringify(name);
}

/** Of the words that are known, the one that was probably meant: for hints. */
export function nearestWord(word: string, known: readonly string[]): string | undefined {
  return known
    .map((each) => ({ each, distance: editDistance(word.toLowerCase(), each.toLowerCase()) }))
    .sort((one, other) => one.distance - other.distance)[0]?.each;
}

/**
 * Of the words that are known, those that one who wrote a word may have meant: it is a part of them, or they with more
 * behind a dash, or both are spelt alike.
 */
export function nearWords(word: string, known: readonly string[], most = 3): string[] {
  const asked = word.toLowerCase();
  return known
    .map((each) => {
      const name = each.toLowerCase();
      const isPart = (asked.length > 2 && name.includes(asked)) || asked.startsWith(`${name}-`);
      return { each, isPart, distance: editDistance(asked, name) };
    })
    .filter(({ isPart, distance }) => isPart || distance <= Math.max(1, Math.floor(word.length / 3)))
    .sort((one, other) => one.distance - other.distance)
    .slice(0, most)
    .map(({ each }) => each);
}

/** Insertions, deletions and replacements that lead from one word to the other. */
function editDistance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, i) => i);
  for (const [i, letter] of [...one].entries()) {
    const next = [i + 1];
    for (const [j, its] of [...other].entries()) {
      next.push(
        Math.min((row[j] ?? 0) + (letter === its ? 0 : 1), (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1),
      );
    }
    row = next;
  }
  return row[other.length] ?? 0;
}

export type ErrorCode =
  | "ERR_ARGUMENT"
  // the addon and the daemon
  | "ERR_ADDON_MISSING"
  | "ERR_BUNDLED"
  | "ERR_NO_DAEMON"
  | "ERR_DAEMON_PROTOCOL"
  | "ERR_DAEMON_TIMEOUT"
  | "ERR_DAEMON_DISCONNECTED"
  | "ERR_DAEMON"
  | "ERR_CLOSED"
  | "ERR_STORE_URL"
  | "ERR_STORE_DIR_UNKNOWN"
  // store paths
  | "ERR_STORE_PATH"
  | "ERR_OUTSIDE_STORE"
  | "ERR_PATH_NOT_VALID"
  | "ERR_AMBIGUOUS"
  | "ERR_PATH_NOT_ON_DISK"
  | "ERR_GRAPH"
  | "ERR_DERIVATION"
  | "ERR_NO_DEPENDENCY"
  | "ERR_GC_ROOT"
  // NARs and binary caches
  | "ERR_NAR"
  | "ERR_NAR_HASH"
  | "ERR_SIGNATURE"
  | "ERR_BINARY_CACHE"
  | "ERR_COMPRESSION"
  // programs
  | "ERR_PROGRAM"
  | "ERR_EVALUATION"
  | "ERR_EVALUATION_BUILDS"
  | "ERR_EVALUATION_TIME"
  | "ERR_VALUE_TOO_LARGE"
  | "ERR_EVALUATOR_BUSY"
  | "ERR_EVALUATOR_MEMORY"
  | "ERR_EVALUATOR_READ_ONLY"
  | "ERR_EVALUATOR_STALE"
  | "ERR_BUILD"
  | "ERR_SCRIPT"
  // scripts that run as root
  | "ERR_SCRIPT_TIME"
  | "ERR_SCRIPT_OUTPUT"
  | "ERR_SCRIPT_ROOT"
  | "ERR_MACHINE"
  | "ERR_MACHINE_PANIC"
  | "ERR_MACHINE_STOPPED"
  | "ERR_MACHINE_MEMORY"
  | "ERR_MACHINE_DISK"
  | "ERR_MACHINE_DISK_DAMAGED"
  | "ERR_MACHINE_PROCESSES"
  | "ERR_NAMESPACE"
  // files
  | "ERR_FILE_CHANGED"
  | "ERR_FILE_READ"
  | "ERR_FILE_TYPE"
  | "ERR_FILE_WRITE"
  // what was asked for
  | "ERR_SPEC"
  | "ERR_SPEC_UNKNOWN_KEY"
  | "ERR_JSON"
  | "ERR_CONF"
  | "ERR_LAYER_BUDGET"
  | "ERR_USAGE"
  | "ERR_UNSUPPORTED"
  // images that are read
  | "ERR_ARCHIVE"
  | "ERR_DIGEST"
  | "ERR_INDEX"
  | "ERR_NOT_VALID"
  // registries
  | "ERR_REFERENCE"
  | "ERR_REGISTRY"
  | "ERR_REGISTRY_AUTH"
  | "ERR_REGISTRY_UNREACHABLE"
  // container engines
  | "ERR_ENGINE"
  | "ERR_ENGINE_HOST"
  | "ERR_ENGINE_UNREACHABLE"
  | "ERR_NO_CONTAINER"
  // mounts, and containers over this system's store
  | "ERR_MOUNT"
  | "ERR_MOUNT_LIMIT"
  // editors
  | "ERR_NOT_TRUSTED"
  | "ERR_INTERNAL";
