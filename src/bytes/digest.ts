/** Digests, as they stand in manifests and as they are computed. */
import { createHash } from "node:crypto";
import { LaminixError } from "../errors.js";
import type { BorrowedBytes } from "./bytes.js";

/** `sha256:` and 64 characters of base 16. */
export type Digest = `sha256:${string}`;

export function isDigest(text: string): text is Digest {
  return /^sha256:[0-9a-f]{64}$/.test(text);
}

export function digestOf(bytes: Uint8Array): Digest {
  return new Digester().update(bytes).digest();
}

export async function digestOfPieces(pieces: BorrowedBytes): Promise<Digest> {
  const digester = new Digester();
  for await (const piece of pieces) digester.update(piece);
  return digester.digest();
}

/** Computes a digest as bytes pass. */
export class Digester {
  readonly #hash = createHash("sha256");

  update(bytes: Uint8Array): this {
    this.#hash.update(bytes);
    return this;
  }

  /** To be asked for once. */
  digest(): Digest {
    return `sha256:${this.#hash.digest("hex")}`;
  }
}

/**
 * @param what the thing that has the digest, for the error
 * @throws {LaminixError} ERR_DIGEST
 */
export function requireDigest(what: string, expected: Digest, actual: Digest): void {
  if (expected === actual) return;
  throw new LaminixError("ERR_DIGEST", `${what} is not what its digest says`, {
    details: { what, expected, actual },
    hint: "it was damaged or changed; fetch or write the image again",
  });
}
