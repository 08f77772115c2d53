/** Bytes that are compared, as they pass, with what they should be. */
import { createHash } from "node:crypto";
import type { OwnedBytes } from "../../bytes/bytes.js";
import { LaminixError } from "../../errors.js";
import { toSri } from "../sha256.js";

export interface Expected {
  /** What the bytes are, in words. */
  readonly what: string;
  readonly path: string;
  readonly sha256?: Uint8Array | undefined;
  /** Bytes. More are not read. */
  readonly size?: number | undefined;
}

/**
 * The same bytes. Only when it has come to its end are they what they should be.
 * @throws {LaminixError} ERR_NAR_HASH
 */
export async function* checked(bytes: OwnedBytes, { what, path, sha256, size }: Expected): OwnedBytes {
  const hash = createHash("sha256");
  let actual = 0;
  const wrong = (expected: unknown, found: unknown): LaminixError =>
    new LaminixError("ERR_NAR_HASH", `${what} is not what it should be`, {
      details: { path, expected, actual: found },
      hint: "the binary cache is damaged, or was tampered with",
    });
  for await (const piece of bytes) {
    actual += piece.length;
    if (size !== undefined && actual > size) throw wrong(size, `more than ${String(size)} bytes`);
    if (sha256) hash.update(piece);
    yield piece;
  }
  if (size !== undefined && actual !== size) throw wrong(size, actual);
  if (!sha256) return;
  const digest = hash.digest();
  if (!digest.equals(sha256)) throw wrong(toSri(sha256), toSri(digest));
}
