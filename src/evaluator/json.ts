/** What Nix prints as JSON. */
import { LaminixError } from "../errors.js";

/** A Nix value as JavaScript has it: integers beyond 2^53 are bigints; paths and derivations are strings. */
export type NixValue =
  null | boolean | number | bigint | string | NixValue[] | { readonly [name: string]: NixValue };

/** No string of Nix has a NUL, so that no string can be taken for a marked integer. */
const MARK = "\0";
const TOKEN = /"(?:[^"\\]+|\\[^])*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/**
 * JSON as Nix writes it.
 * @throws {LaminixError} ERR_JSON for what is not JSON, and for strings that are not UTF-8
 */
export function parseNixJson(bytes: Uint8Array): NixValue {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    // 2^53 has 16 digits. Most documents have no such number, and need nothing but JSON.parse.
    if (!/\d{16}/.test(text)) return JSON.parse(text) as NixValue;
    const marked = text.replace(TOKEN, (token) =>
      /^-?\d{16,}$/.test(token) ? JSON.stringify(MARK + token) : token,
    );
    return JSON.parse(marked, (_key, value: NixValue) => unmarked(value)) as NixValue;
  } catch (cause) {
    throw new LaminixError("ERR_JSON", "what Nix printed is not JSON in UTF-8", { cause });
  }
}

function unmarked(value: NixValue): NixValue {
  if (typeof value !== "string" || !value.startsWith(MARK)) return value;
  const integer = BigInt(value.slice(MARK.length));
  const number = Number(integer);
  return Number.isSafeInteger(number) ? number : integer;
}
