/** JavaScript values as Nix source. */
import { isAbsolute } from "node:path";
import { requireString } from "../arguments.js";
import { ArgumentError, LaminixError } from "../errors.js";
import { NixExpression } from "./expression.js";

/** What Nix has a value for. Keys whose value is `undefined` are left out. */
export type NixInput =
  | null
  | boolean
  | number
  | bigint
  | string
  | NixExpression
  | readonly NixInput[]
  | { readonly [name: string]: NixInput | undefined };

/** Nix's parser and evaluator recurse; this much they take with an ordinary stack. */
const MAX_DEPTH = 1000;
const MAX_INT = 2n ** 63n - 1n;
const MIN_INT = -(2n ** 63n);
/** Below this a double has fewer digits, and Nix's parser refuses it. */
const MIN_NORMAL = 2 ** -1022;

/**
 * The source of an expression that evaluates to a value, whatever is in it. Numbers without a fraction become
 * integers as far as Nix's 64 bits go, and floats beyond. -0 becomes 0.
 * @param name what the value is called in errors, such as `args`
 * @throws {ArgumentError} ERR_ARGUMENT naming the place, for what Nix has no value for: functions, symbols, instances
 *   of classes, circles, NaN and infinities, integers beyond 64 bits, NUL and lone surrogates in strings
 */
export function toNix(value: unknown, name = "value"): string {
  requireString(name, "name");
  try {
    return write(value, name, new Set());
  } catch (error) {
    if (error instanceof LaminixError) throw error;
    // A getter or a proxy may throw anything.
    throw new ArgumentError(name, "a value that can be read", undefined);
  }
}

/** @param around the objects that the value is in */
function write(value: unknown, name: string, around: Set<object>): string {
  switch (typeof value) {
    case "boolean":
      return String(value);
    case "string":
      return quote(value, name);
    case "number":
      return number(value, name);
    case "bigint":
      return integer(value, name);
    case "object":
      if (value === null) return "null";
      if (value instanceof NixExpression) return `(${value.text})`;
      return collection(value, name, around);
    default:
      throw new ArgumentError(name, "a value that Nix has", value);
  }
}

function collection(value: object, name: string, around: Set<object>): string {
  if (around.has(value)) throw new ArgumentError(name, "a value without circles", value);
  if (around.size >= MAX_DEPTH) {
    throw new ArgumentError(name, `nested in no more than ${String(MAX_DEPTH)} others`, value);
  }
  around.add(value);
  const text = Array.isArray(value) ? list(value, name, around) : attributes(value, name, around);
  around.delete(value);
  return text;
}

function list(items: readonly unknown[], name: string, around: Set<object>): string {
  // Not `map`, which passes over holes.
  const texts = Array.from(items, (item, i) => write(item, `${name}[${String(i)}]`, around));
  return `[ ${texts.join(" ")} ]`;
}

function attributes(value: object, name: string, around: Set<object>): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  // A plain object of another realm has another `Object.prototype`, which has no prototype itself.
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    throw new ArgumentError(name, "a plain object", value);
  }
  const texts = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .map(([key, item]) => {
      const place = /^[A-Za-z_$][\w$]*$/.test(key) ? `${name}.${key}` : `${name}[${JSON.stringify(key)}]`;
      return `${quote(key, place)} = ${write(item, place, around)};`;
    });
  return `{ ${texts.join(" ")} }`;
}

const escapes: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** A Nix string. Every dollar sign is escaped, so that no brace after it can matter. */
export function quote(text: string, name: string): string {
  if (text.includes("\0")) throw new ArgumentError(name, "without NUL characters, which Nix has not", text);
  if (/\p{Surrogate}/u.test(text)) throw new ArgumentError(name, "well-formed Unicode", text);
  return `"${text.replace(/["\\$\n\r\t]/g, (character) => escapes[character] ?? `\\${character}`)}"`;
}

function integer(value: bigint, name: string): string {
  if (value < MIN_INT || value > MAX_INT) {
    throw new ArgumentError(name, "an integer of at most 64 bits, the sign included", value);
  }
  // Nix knows no negative literals, and not the magnitude of the smallest integer.
  if (value === MIN_INT) return `(-${String(MAX_INT)} - 1)`;
  return value < 0n ? `(${String(value)})` : String(value);
}

function number(value: number, name: string): string {
  if (!Number.isFinite(value)) throw new ArgumentError(name, "a finite number", value);
  if (Number.isInteger(value) && Math.abs(value) < 2 ** 63) return integer(BigInt(value), name);
  const magnitude = Math.abs(value);
  // Multiplying by a power of two changes no digit.
  const text =
    magnitude < MIN_NORMAL ? `${float(magnitude * 2 ** 64)} * ${float(2 ** -64)}` : float(magnitude);
  return value < 0 ? `(-${text})` : `(${text})`;
}

/** The shortest digits that are the same double again, with the point that Nix's floats must have. */
function float(magnitude: number): string {
  const text = String(magnitude);
  return text.includes(".") ? text : text.replace(/(?=e)|$/, ".0");
}

/**
 * A path value, which Nix copies into the store where a string would be used as it is.
 * @throws {ArgumentError} ERR_ARGUMENT unless absolute
 */
export function nixPath(path: string): NixExpression {
  if (typeof path !== "string" || !isAbsolute(path))
    throw new ArgumentError("path", "an absolute path", path);
  return new NixExpression(`/. + ${quote(path, "path")}`);
}
