/** Store paths where somebody looks in a text. No more of it is searched than that. */
import { findStorePaths, type StorePathRange } from "../store/findStorePaths.js";
import { isBaseName } from "../store/storePath.js";
import type { OpenText } from "./openText.js";

/** Characters around a place in a line that are searched: JSON may be all in one. Paths of Linux are 4096 bytes at most. */
const AROUND = 8192;

/** Characters of one text that are searched for what is shown all over it. */
export const MOST_SEARCHED = 512 * 1024;

/** The paths that a part of a text names. */
export function storePathsBetween(
  text: OpenText,
  start: number,
  end: number,
  storeDir: string,
): StorePathRange[] {
  const found = findStorePaths(text.text.slice(start, end), { storeDir });
  return found.map((each) => ({ ...each, start: each.start + start, end: each.end + start }));
}

/** The path that an offset is in, or at the end of. */
export function storePathAt(text: OpenText, offset: number, storeDir: string): StorePathRange | undefined {
  const [start, end] = around(text, offset);
  const touching = storePathsBetween(text, start, end, storeDir).filter(
    (each) => each.start <= offset && offset <= each.end,
  );
  return touching.at(-1);
}

/** The path that a text is in the middle of at an offset, whatever follows. */
export function pathUpTo(text: OpenText, offset: number, storeDir: string): StorePathRange | undefined {
  const [start] = around(text, offset);
  const found = storePathsBetween(text, start, offset, storeDir).at(-1);
  // Full stops at the end may be the beginning of a name.
  return found && /^\.*$/.test(text.text.slice(found.end, offset)) ? found : undefined;
}

/** A word that may be a store path without its folder. */
export interface HashedWord {
  readonly start: number;
  readonly end: number;
  readonly hashPart: string;
  /** Behind the hash part, where the word is a base name. */
  readonly name: string | undefined;
}

/** Neither a longer word, nor a path or an option in which it stands. */
const HASHED = /(?<![\w+\-.?=/\\])([0-9a-df-np-sv-z]{32})(?:-([0-9a-zA-Z+\-._?=]+))?(?![0-9a-zA-Z_/])/g;

/** A hash part, alone or with a name behind it, that an offset is in, or at the end of. */
export function hashedWordAt(text: OpenText, offset: number): HashedWord | undefined {
  const [from, to] = around(text, offset);
  for (const match of text.text.slice(from, to).matchAll(HASHED)) {
    const [whole, hashPart = "", tail] = match;
    const name = tail?.replace(/\.+$/, "");
    const start = from + match.index;
    const end = start + (name === undefined ? whole.length : hashPart.length + 1 + name.length);
    if (start > offset || offset > end) continue;
    if (name !== undefined && !isBaseName(`${hashPart}-${name}`)) continue;
    return { start, end, hashPart, name };
  }
  return undefined;
}

/** Whether anything where somebody looks could be of a store, whichever that is. */
export function mayNameStorePath(text: OpenText, offset: number): boolean {
  const [start, end] = around(text, offset);
  return /[0-9a-df-np-sv-z]{32}/.test(text.text.slice(start, end));
}

/**
 * Whether a part of a text may name paths of a store, whichever that is. Where it does not, no store is asked: one that is
 * not there is no news to somebody who writes about something else.
 */
export function mayNameStorePaths(part: string): boolean {
  return /[0-9a-df-np-sv-z]{32}-/.test(part);
}

function around(text: OpenText, offset: number): readonly [number, number] {
  const line = text.lineAt(offset);
  const start = Math.max(text.lineStart(line) ?? 0, offset - AROUND);
  return [start, Math.min(text.lineEnd(line), offset + AROUND)];
}
