/** SHA-256 in the forms that Nix prints. */
import { fromNix32, toNix32 } from "./nix32.js";

const BYTES = 32;

/** @param hash `sha256:` with base 16, Nix's base 32 or base 64, or SRI: `sha256-` with base 64; `undefined` for others */
export function parseSha256(hash: string): Uint8Array | undefined {
  const digits = /^sha256[:-](.+)$/.exec(hash)?.[1];
  if (digits === undefined) return undefined;
  if (/^[A-Za-z0-9+/]{43}=$/.test(digits)) return Buffer.from(digits, "base64");
  if (hash.startsWith("sha256-")) return undefined;
  if (/^[0-9a-f]{64}$/.test(digits)) return Buffer.from(digits, "hex");
  return fromNix32(digits, BYTES);
}

/** As SRI. */
export function toSri(sha256: Uint8Array): string {
  return `sha256-${Buffer.from(sha256).toString("base64")}`;
}

/** `sha256:` with Nix's base 32. */
export function toPrefixed(sha256: Uint8Array): string {
  return `sha256:${toNix32(sha256)}`;
}
