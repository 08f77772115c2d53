import type { Random } from "./random.js";

/** What `toNix` takes, but for expressions. */
export type PlainValue =
  null | boolean | number | bigint | string | readonly PlainValue[] | { readonly [name: string]: PlainValue };

/** Strings and names that something on the way might take for its own. */
export const oddTexts: readonly string[] = [
  "",
  "a\tb",
  "a\nb\r\n",
  '"',
  "''",
  "\\",
  "\\\\n",
  "${x}",
  "$${",
  "$",
  "\\${",
  "@@",
  "nix-repl> ",
  "\u001b[0m",
  '\u001b[35;1m"',
  "é",
  "日本",
  "🦊",
  "\ufeffx",
  "\u2028",
  "\uffff",
  "__proto__",
  "constructor",
  "toString",
  "toJSON",
  "outPath",
  "__toString",
  "__laminix",
  "__functor",
  "type",
  ":q",
  "a.b",
  "or",
  "rec",
  "-1",
];

/** Every control character that Nix can hold. */
export const controlCharacters = String.fromCharCode(
  ...Array.from({ length: 31 }, (_, i) => i + 1),
  ...Array.from({ length: 33 }, (_, i) => i + 0x7f),
);

/** A value that comes back from Nix as it is, except for -0. */
export function randomValue(random: Random, depth = 3): PlainValue {
  const kind = random.below(depth === 0 ? 7 : 9);
  if (kind === 0) return random.pick([null, true, false]);
  if (kind === 1)
    return random.pick([0, -0, 1, -1, 2 ** 53 - 1, -(2 ** 53 - 1), 2 ** 32, 5e-324, 1e300, -1e-310]);
  if (kind === 2) return random.below(2 ** 31) - 2 ** 30;
  if (kind === 3) return bigInteger(random);
  if (kind === 4) return float(random);
  if (kind <= 6) return randomText(random);
  const length = random.below(5);
  if (kind === 7) return Array.from({ length }, () => randomValue(random, depth - 1));
  return Object.fromEntries(
    Array.from({ length }, () => [randomText(random), randomValue(random, depth - 1)] as const),
  );
}

/** Well-formed Unicode without NUL. */
function randomText(random: Random): string {
  if (random.chance(0.3)) return random.pick(oddTexts);
  const length = random.below(12);
  return Array.from({ length }, () => character(random)).join("");
}

function character(random: Random): string {
  const limit = random.pick([0x80, 0x80, 0x800, 0xd800, 0x110000]);
  const code = 1 + random.below(limit - 1);
  return String.fromCodePoint(code >= 0xd800 && code < 0xe000 ? 0xfffd : code);
}

/** Beyond what a number holds exactly; what it holds comes back as one. */
function bigInteger(random: Random): bigint {
  const magnitude = random.bytes(8).readBigUInt64LE() >> BigInt(1 + random.below(10));
  const value = random.chance(0.5) ? magnitude : -magnitude;
  return value > 2n ** 53n || value < -(2n ** 53n) ? value : random.pick([2n ** 63n - 1n, -(2n ** 63n)]);
}

/** Any finite double below the integers that only Nix's floats reach, and beyond them. */
function float(random: Random): number {
  const value = random.bytes(8).readDoubleLE();
  return Number.isFinite(value) && !(Number.isInteger(value) && Math.abs(value) < 2 ** 63) ? value : 0.1;
}

/** The same value where Nix has no -0 of its own. */
export function withoutNegativeZero(value: PlainValue): PlainValue {
  if (Object.is(value, -0)) return 0;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return (value as readonly PlainValue[]).map(withoutNegativeZero);
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, withoutNegativeZero(item)]));
}
