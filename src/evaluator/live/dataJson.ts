/** JavaScript values as the JSON that Nix's `fromJSON` makes the same values of as `toNix` does. */
import { NixExpression } from "../expression.js";
import { toNix } from "../value.js";

/**
 * @param name what the value is called in errors
 * @returns `undefined` where Nix expressions are in it
 * @throws {ArgumentError} ERR_ARGUMENT as `toNix`
 */
export function dataJson(value: unknown, name: string): string | undefined {
  // It knows what Nix has no value for.
  toNix(value, name);
  return hasExpression(value) ? undefined : write(value);
}

function hasExpression(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return value instanceof NixExpression || Object.values(value).some(hasExpression);
}

function write(value: unknown): string {
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number") return number(value);
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(write).join(",")}]`;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${write(item)}`).join(",")}}`;
}

/** Whole numbers are integers as far as 64 bits go; beyond, and with a fraction, they have to look like floats. */
function number(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 2 ** 63) return String(BigInt(value));
  return value.toExponential();
}
