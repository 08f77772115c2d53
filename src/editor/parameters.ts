/** What requests bring, checked before anything is done with it: an editor may send anything. */
import type { Position, Range } from "vscode-languageserver-protocol";
import { ArgumentError } from "../errors.js";

type Fields = Readonly<Record<string, unknown>>;

/** @throws {ArgumentError} ERR_ARGUMENT */
export function objectOf(value: unknown, argument: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new ArgumentError(argument, "an object", value);
  return value as Fields;
}

/** @throws {ArgumentError} ERR_ARGUMENT */
export function stringIn(value: unknown, key: string, argument = "params"): string {
  const text = objectOf(value, argument)[key];
  if (typeof text !== "string") throw new ArgumentError(`${argument}.${key}`, "a string", text);
  return text;
}

/** The document that a request is about. @throws {ArgumentError} ERR_ARGUMENT */
export function uriOf(params: unknown): string {
  return stringIn(objectOf(params, "params").textDocument, "uri", "params.textDocument");
}

/** @throws {ArgumentError} ERR_ARGUMENT */
export function positionOf(params: unknown, key = "position", argument = "params"): Position {
  const name = `${argument}.${key}`;
  const { line, character } = objectOf(objectOf(params, argument)[key], name);
  return { line: count(line, `${name}.line`), character: count(character, `${name}.character`) };
}

/** @throws {ArgumentError} ERR_ARGUMENT */
export function rangeOf(params: unknown, key = "range", argument = "params"): Range {
  const name = `${argument}.${key}`;
  const range = objectOf(params, argument)[key];
  return { start: positionOf(range, "start", name), end: positionOf(range, "end", name) };
}

/** LSP 3.18, "Base Types": an unsigned integer has 31 bits. */
function count(value: unknown, argument: string): number {
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > 0x7fff_ffff)
    throw new ArgumentError(argument, "a whole number from 0 up", value);
  return value as number;
}
