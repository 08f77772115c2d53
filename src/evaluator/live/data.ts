/** Nix values as JavaScript has them, read from what the library makes of them. */
import { LaminixError } from "../../errors.js";
import { TAG } from "../sessions/library.js";

/** A function. Its value is `instanceof NixFunction`, and it is called through its `EvaluatorValue`. */
export class NixFunction {
  /** The arguments that it takes by name, each with whether it has a default; none where it takes any value. */
  readonly args: Readonly<Record<string, boolean>>;

  constructor(args: Readonly<Record<string, boolean>>) {
    this.args = args;
  }
}

/** A derivation, of which nothing has been instantiated unless `drvPath` is there. */
export interface NixDerivation {
  readonly type: "derivation";
  readonly name: string;
  readonly system: string;
  readonly outputs: readonly string[];
  /** Where `toJS` was asked for it. */
  readonly drvPath?: string;
}

/** A whole Nix value. Integers beyond 2^53 are bigints; paths are strings, and copied nowhere. */
export type NixData =
  | null
  | boolean
  | number
  | bigint
  | string
  | NixFunction
  | NixDerivation
  | readonly NixData[]
  | { readonly [name: string]: NixData };

/** How much of a value is wanted, at the most. */
export interface Bounds {
  readonly depth: number;
  readonly size: number;
  readonly drvPath: boolean;
}

/** What a question is answered with. */
export function parseAnswer(json: string): unknown {
  return JSON.parse(json, json.includes(TAG) ? revive : undefined);
}

/**
 * @param answer of the library's `value`: the value in a list, or the name of the bound that it exceeds
 * @throws {LaminixError} ERR_VALUE_TOO_LARGE
 */
export function dataIn(answer: unknown, bounds: Bounds): NixData {
  if (Array.isArray(answer)) return (answer as readonly NixData[])[0] ?? null;
  const name = answer === "depth" ? "depth" : "size";
  const what = name === "depth" ? "is nested deeper than" : "is larger than";
  throw new LaminixError("ERR_VALUE_TOO_LARGE", `the value ${what} ${String(bounds[name])}`, {
    details: { [name]: bounds[name] },
    hint: `ask for a part of it, or raise the option ${name}`,
  });
}

type Tagged =
  | readonly ["set", readonly string[], readonly NixData[]]
  | readonly ["int", string]
  | readonly ["float", boolean, number, number]
  | readonly ["Infinity", boolean]
  | readonly ["NaN"]
  | readonly ["-0"]
  | readonly ["function", Readonly<Record<string, boolean>>]
  | readonly ["derivation", Omit<NixDerivation, "type">];

function revive(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, TAG)) return value;
  const tagged = (value as Readonly<Record<string, unknown>>)[TAG];
  return Array.isArray(tagged) ? untagged(tagged as unknown as Tagged) : value;
}

function untagged(tagged: Tagged): NixData {
  switch (tagged[0]) {
    case "set":
      return Object.fromEntries(tagged[1].map((name, i) => [name, tagged[2][i] ?? null]));
    case "int":
      return BigInt(tagged[1]);
    case "float":
      return floatOf(tagged[1], tagged[2], tagged[3]);
    case "Infinity":
      return tagged[1] ? -Infinity : Infinity;
    case "NaN":
      return NaN;
    case "-0":
      return -0;
    case "function":
      return new NixFunction(tagged[1]);
    case "derivation":
      return { type: "derivation", ...tagged[1] };
  }
}

/** Exact: of two factors neither is 0 or infinite where their product is not. */
function floatOf(isNegative: boolean, mantissa: number, exponent: number): number {
  const half = Math.trunc(exponent / 2);
  const magnitude = mantissa * 2 ** half * 2 ** (exponent - half);
  return isNegative ? -magnitude : magnitude;
}
