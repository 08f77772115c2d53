/** What the pieces' own arguments must be. */
import { requireString } from "../../arguments.js";
import { ArgumentError } from "../../errors.js";

/** @throws {ArgumentError} ERR_ARGUMENT */
export function requireAbsolutePath(value: unknown, argument: string): asserts value is string {
  requireString(value, argument);
  if (!value.startsWith("/") || value.includes("\0") || /\p{Surrogate}/u.test(value))
    throw new ArgumentError(argument, "an absolute path", value);
}

/** The path without slashes at its end. */
export function withoutSlashes(path: string): string {
  return path.replace(/(?<=.)\/+$/, "");
}
