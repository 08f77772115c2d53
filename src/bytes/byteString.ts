/**
 * File names as bytes. Unix names are bytes, not text; here they travel as "byte strings", JavaScript strings of
 * which every character is one byte (what Node calls latin1), so that names that are not UTF-8 survive.
 */

// eslint-disable-next-line no-control-regex
const nonAscii = /[^\x00-\x7f]/;

export function isAscii(bytes: string): boolean {
  return !nonAscii.test(bytes);
}

/** A byte string in the form that `fs` takes. */
export function fsPath(bytes: string): string | Buffer {
  return nonAscii.test(bytes) ? Buffer.from(bytes, "latin1") : bytes;
}

/** The byte string of a text, in UTF-8. */
export function toByteString(text: string): string {
  return nonAscii.test(text) ? Buffer.from(text, "utf8").toString("latin1") : text;
}

/**
 * The text of a byte string: UTF-8, with every byte that is not part of a valid sequence as U+DC80 to U+DCFF, as
 * Python's `surrogateescape` (PEP 383) has it.
 */
export function decode(bytes: string): string {
  if (!nonAscii.test(bytes)) return bytes;
  let text = "";
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes, at);
    if (length === 0) {
      text += String.fromCharCode(0xdc00 + bytes.charCodeAt(at));
      at += 1;
    } else {
      text += Buffer.from(bytes.slice(at, at + length), "latin1").toString("utf8");
      at += length;
    }
  }
  return text;
}

export function isUtf8(bytes: string): boolean {
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes, at);
    if (length === 0) return false;
    at += length;
  }
  return true;
}

/** How many bytes the UTF-8 sequence at `at` has; 0 if there is no valid one (Unicode 15, table 3-7). */
function sequenceLength(bytes: string, at: number): number {
  const lead = bytes.charCodeAt(at);
  if (lead < 0x80) return 1;
  const second = bytes.charCodeAt(at + 1); // NaN past the end, which no comparison accepts
  if (lead >= 0xc2 && lead <= 0xdf) return isTail(second) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    const low = lead === 0xe0 ? 0xa0 : 0x80;
    const high = lead === 0xed ? 0x9f : 0xbf;
    return second >= low && second <= high && isTail(bytes.charCodeAt(at + 2)) ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    const low = lead === 0xf0 ? 0x90 : 0x80;
    const high = lead === 0xf4 ? 0x8f : 0xbf;
    const tails = isTail(bytes.charCodeAt(at + 2)) && isTail(bytes.charCodeAt(at + 3));
    return second >= low && second <= high && tails ? 4 : 0;
  }
  return 0;
}

function isTail(byte: number): boolean {
  return byte >= 0x80 && byte <= 0xbf;
}

export type CompareNames = (one: string, other: string) => number;

/** Order by bytes, the order of a NAR. */
export function compareBytes(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

/**
 * Order by Unicode code point, the order in which Python sorts names. For UTF-8 that is the order of the bytes; a
 * name that is not UTF-8 sorts by its escaped bytes, which lie below U+E000.
 */
export function compareNames(one: string, other: string): number {
  if (isUtf8(one) && isUtf8(other)) return compareBytes(one, other);
  const a = Array.from(decode(one), (character) => character.codePointAt(0) ?? 0);
  const b = Array.from(decode(other), (character) => character.codePointAt(0) ?? 0);
  for (let i = 0; i < a.length && i < b.length; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/**
 * What `compareBytes` puts in the order of `compareNames`: a byte that is not UTF-8 is written as the three bytes that its
 * escape, U+DC80 to U+DCFF, would have.
 */
function orderKey(bytes: string): string {
  let key = "";
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes, at);
    if (length > 0) key += bytes.slice(at, at + length);
    else {
      const byte = bytes.charCodeAt(at);
      key += String.fromCharCode(0xed, 0xb0 | (byte >> 6), 0x80 | (byte & 0x3f));
    }
    at += length || 1;
  }
  return key;
}

/** Sorts names in place, in the order of `compareNames`. */
export function sortNames(names: string[]): string[] {
  // The default order compares UTF-16 units, here bytes, which is right for all but names that are not UTF-8.
  if (names.every((name) => isAscii(name) || isUtf8(name))) return names.sort();
  const keys = new Map(names.map((name) => [name, orderKey(name)]));
  return names.sort((one, other) => compareBytes(keys.get(one) ?? one, keys.get(other) ?? other));
}
