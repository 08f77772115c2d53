/** Signatures of path infos: Ed25519 over a fingerprint (Nix manual, "Store Path Signatures"; path-info.cc). */
import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { LaminixError } from "../../errors.js";
import type { PathInfo } from "../closure.js";
import { parseSha256, toPrefixed } from "../sha256.js";

/** Keys by their names. */
export type TrustedKeys = ReadonlyMap<string, KeyObject>;

/**
 * @param texts `name:base64`, as `nix key convert-secret-to-public` prints them
 * @throws {LaminixError} ERR_SIGNATURE
 */
export function parsePublicKeys(texts: readonly string[]): TrustedKeys {
  return new Map(
    texts.map((text) => {
      const { name, bytes } = named(text);
      if (name === "" || bytes.length !== 32) {
        // Without the rest: it may be a secret key.
        throw new LaminixError(
          "ERR_SIGNATURE",
          `${name === "" ? "a key" : JSON.stringify(name)} is not a public key`,
          {
            hint: "a key looks like name:base64, with 32 bytes in base 64",
          },
        );
      }
      const x = bytes.toString("base64url");
      return [name, createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" })];
    }),
  );
}

/** What is signed. */
export function fingerprint({ path, narHash, narSize, references }: PathInfo): string {
  const hash = toPrefixed(parseSha256(narHash) as Uint8Array);
  return `1;${path};${hash};${String(narSize)};${[...new Set(references)].sort().join(",")}`;
}

/** Whether one of the signatures is by one of the keys. */
export function isSigned(info: PathInfo, keys: TrustedKeys): boolean {
  const signed = Buffer.from(fingerprint(info));
  return info.signatures.some((signature) => {
    const { name, bytes } = named(signature);
    const key = keys.get(name);
    return key !== undefined && bytes.length === 64 && verify(null, signed, key, bytes);
  });
}

function named(text: string): { readonly name: string; readonly bytes: Buffer } {
  const colon = text.indexOf(":");
  const base64 = text.slice(colon + 1);
  const isBase64 = /^[A-Za-z0-9+/]+={0,2}$/.test(base64);
  return { name: text.slice(0, Math.max(0, colon)), bytes: Buffer.from(isBase64 ? base64 : "", "base64") };
}
