/** What public functions do with their arguments first. */
import { ArgumentError, nearWords } from "./errors.js";

/** @throws {ArgumentError} ERR_ARGUMENT */
export function requireString(value: unknown, argument: string): asserts value is string {
  if (typeof value !== "string") throw new ArgumentError(argument, "a string", value);
}

/** @throws {ArgumentError} ERR_ARGUMENT */
export function requireStrings(value: unknown, argument: string): asserts value is readonly string[] {
  if (!Array.isArray(value)) throw new ArgumentError(argument, "an array of strings", value);
  value.forEach((item, i) => {
    requireString(item, `${argument}[${i}]`);
  });
}

/**
 * One of a set of words.
 * @throws {ArgumentError} ERR_ARGUMENT
 */
export function requireOneOf<T extends string>(
  value: unknown,
  words: readonly T[],
  argument: string,
): asserts value is T {
  if (words.includes(value as T)) return;
  throw new ArgumentError(argument, `one of ${words.map((word) => JSON.stringify(word)).join(", ")}`, value);
}

/**
 * A whole number that is exact, 0 or more.
 * @throws {ArgumentError} ERR_ARGUMENT
 */
export function requireCount(value: unknown, argument: string): asserts value is number {
  if (!Number.isSafeInteger(value) || (value as number) < 0)
    throw new ArgumentError(argument, "a whole number from 0 up", value);
}

/** @throws {ArgumentError} ERR_ARGUMENT */
export function requireBoolean(value: unknown, argument: string): asserts value is boolean {
  if (typeof value !== "boolean") throw new ArgumentError(argument, "true or false", value);
}

/**
 * An options object, and its `signal` if it has one.
 * @throws {ArgumentError} ERR_ARGUMENT
 */
export function requireOptions(value: unknown, argument = "options"): asserts value is object {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new ArgumentError(argument, "an object", value);
  const { signal } = value as { readonly signal?: unknown };
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw new ArgumentError(`${argument}.signal`, "an AbortSignal", signal);
}

/** The keys of an options type. One that is left out, or is none of its, does not compile. */
export function keysOf<T>(keys: Readonly<Record<keyof T, true>>): readonly string[] {
  return Object.keys(keys);
}

/**
 * An options object without unknown keys: `onprogress` would never be heard of.
 * @throws {ArgumentError} ERR_ARGUMENT
 */
export function requireKnown(
  value: unknown,
  known: readonly string[],
  argument = "options",
): asserts value is object {
  requireOptions(value, argument);
  for (const [key, given] of Object.entries(value)) {
    if (known.includes(key) || given === undefined) continue;
    const [near] = nearWords(key, known, 1);
    const hint =
      near === undefined ? `the options are ${known.join(", ")}` : `did you mean ${argument}.${near}?`;
    throw new ArgumentError(`${argument}.${key}`, { hint });
  }
}

/**
 * A stream of bytes, such as a `Readable`.
 * @throws {ArgumentError} ERR_ARGUMENT
 */
export function requireByteStream(
  value: unknown,
  argument: string,
): asserts value is AsyncIterable<Uint8Array> {
  if (typeof value !== "object" || value === null || !(Symbol.asyncIterator in value))
    throw new ArgumentError(argument, "an async iterable of Uint8Array", value);
}

/** @throws {ArgumentError} ERR_ARGUMENT */
export function requireFunction(
  value: unknown,
  argument: string,
): asserts value is (...args: never) => unknown {
  if (typeof value !== "function") throw new ArgumentError(argument, "a function", value);
}

/** An object with these methods. */
export function requireMethods(
  value: unknown,
  methods: readonly string[],
  what: string,
  argument: string,
): void {
  const has = (name: string): boolean =>
    typeof (value as Readonly<Record<string, unknown>>)[name] === "function";
  if (typeof value !== "object" || value === null || !methods.every(has))
    throw new ArgumentError(argument, what, value);
}

/**
 * Checks those of an object's values that are there.
 * @throws {ArgumentError} ERR_ARGUMENT
 */
export function checkGiven(
  object: object,
  argument: string,
  checks: Readonly<Record<string, (value: unknown, argument: string) => void>>,
): void {
  for (const [name, check] of Object.entries(checks)) {
    const value = (object as Readonly<Record<string, unknown>>)[name];
    if (value !== undefined) check(value, `${argument}.${name}`);
  }
}
