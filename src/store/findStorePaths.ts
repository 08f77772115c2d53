/** Store paths in any text: a log, JSON, a script. */
import { checkGiven, requireKnown, requireString } from "../arguments.js";
import type { StorePathOptions } from "./parseStorePath.js";
import { asPattern, checkStoreDir, isBaseName, type StorePath } from "./storePath.js";

/** A path in a text. */
export interface StorePathRange {
  /** Where it begins, in UTF-16 code units. */
  readonly start: number;
  /** Where what follows it begins. */
  readonly end: number;
  readonly path: StorePath;
  /** What is inside the store path, without a slash at either end; empty for the store path itself. */
  readonly inside: string;
}

/** A slash as JSON may escape it. */
const ESCAPED = String.raw`\\/`;
const BASE_NAME = String.raw`[0-9a-df-np-sv-z]{32}-[0-9a-zA-Z+\-._?=]+`;
/** What no path in a text has in it: white space, control characters, quotes, and what closes or separates. */
const STOP = /[\s\p{Cc}"'`‘’“”«»:,;)\]}<>|\\]/gu;

/**
 * Every path in a store that a text names, in the text's order. A path ends before white space, control characters,
 * quotes and `: , ; ) ] } < > |`; full stops at its end are the sentence's. Its slashes may be escaped as in JSON
 * (`\/nix\/store\/…`). Takes time linear in the text's length.
 * @param options.storeDir default: `/nix/store`
 * @throws {LaminixError} ERR_STORE_URL where no store can be at `storeDir`
 */
export function findStorePaths(text: string, options: StorePathOptions = {}): StorePathRange[] {
  requireString(text, "text");
  requireKnown(options, ["storeDir"]);
  checkGiven(options, "options", { storeDir: requireString });
  const storeDir = checkStoreDir(options.storeDir ?? "/nix/store");
  const parts = `${storeDir}/`.split("/").map(asPattern);
  // All are escaped, or none: a backslash before a path is not the path's.
  const pattern = new RegExp(`(?:${parts.join("/")}|${parts.join(ESCAPED)})(${BASE_NAME})`, "g");
  const ranges: StorePathRange[] = [];
  for (let match = pattern.exec(text); match; match = pattern.exec(text)) {
    const { index: start, 0: whole, 1: name = "" } = match;
    const rest = text.slice(start + whole.length, endOfInside(text, start + whole.length));
    pattern.lastIndex += rest.length;
    const base = rest === "" ? withoutStops(name) : name;
    if (!isBaseName(base)) continue;
    ranges.push({
      start,
      end: start + withoutStops(whole + rest).length,
      path: `${storeDir}/${base}` as StorePath,
      inside: trimmed(withoutStops(rest).replaceAll("\\/", "/")),
    });
  }
  return ranges;
}

/** Not an expression: V8's have a stack, which a long path would fill. */
function endOfInside(text: string, start: number): number {
  if (text[start] !== "/" && !text.startsWith("\\/", start)) return start;
  STOP.lastIndex = start;
  for (let stop = STOP.exec(text); stop; stop = STOP.exec(text))
    if (!text.startsWith("\\/", stop.index)) return stop.index;
  return text.length;
}

/** By hand: an expression that is anchored at the end would try every stop in between. */
function withoutStops(text: string): string {
  let end = text.length;
  while (text[end - 1] === ".") end--;
  return text.slice(0, end);
}

function trimmed(inside: string): string {
  let [start, end] = [0, inside.length];
  while (inside[start] === "/") start++;
  while (end > start && inside[end - 1] === "/") end--;
  return inside.slice(start, end);
}
