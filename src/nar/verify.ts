/** A NAR that is told by its hash. */
import { createHash } from "node:crypto";
import { untilAborted } from "../abort.js";
import {
  requireByteStream,
  requireCount,
  requireKnown,
  requireOptions,
  requireString,
} from "../arguments.js";
import type { BorrowedBytes } from "../bytes/bytes.js";
import { ArgumentError, LaminixError } from "../errors.js";

/** What identifies a NAR. */
export interface NarIdentity {
  /** SRI, of SHA-256. */
  readonly narHash: string;
  /** Bytes. */
  readonly narSize: number;
}

export interface VerifyNarOptions {
  readonly signal?: AbortSignal | undefined;
  /** What the NAR is called in errors, such as its store path. */
  readonly name?: string | undefined;
}

/**
 * Passes a NAR on, piece by piece, as long as it can be the one that was meant. Its last byte is passed on only when
 * the whole is: who has got `narSize` bytes has got the right ones.
 * @throws {LaminixError} ERR_NAR_HASH
 */
export function verifyNar(
  stream: BorrowedBytes,
  identity: NarIdentity,
  options: VerifyNarOptions = {},
): AsyncGenerator<Uint8Array> {
  requireByteStream(stream, "stream");
  requireOptions(identity, "identity");
  requireString(identity.narHash, "identity.narHash");
  if (!/^sha256-[A-Za-z0-9+/]{43}=$/.test(identity.narHash))
    throw new ArgumentError("identity.narHash", "sha256- and 44 characters of base 64", identity.narHash);
  requireCount(identity.narSize, "identity.narSize");
  requireKnown(options, ["signal", "name"]);
  if (options.name !== undefined) requireString(options.name, "options.name");
  return verified(stream, identity, options);
}

async function* verified(
  stream: BorrowedBytes,
  { narHash, narSize }: NarIdentity,
  { signal, name }: VerifyNarOptions,
): AsyncGenerator<Uint8Array> {
  const what = name === undefined ? "the NAR" : `the NAR of ${name}`;
  const hash = createHash("sha256");
  let size = 0;
  for await (const piece of untilAborted(stream, signal)) {
    if (piece.length === 0) continue;
    size += piece.length;
    if (size > narSize) {
      throw wrong(`${what} is longer than the ${String(narSize)} bytes that it should have`, { narSize });
    }
    hash.update(piece);
    if (size === narSize) requireHash();
    yield piece;
  }
  if (size < narSize) {
    const found = `${what} has ${String(size)} bytes, not the ${String(narSize)} that it should have`;
    throw wrong(found, { narSize, actualSize: size });
  }
  if (narSize === 0) requireHash();

  function requireHash(): void {
    const actualHash = `sha256-${hash.digest("base64")}`;
    if (actualHash === narHash) return;
    throw wrong(`${what} has the hash ${actualHash}, not ${narHash}`, { narHash, actualHash });
  }

  function wrong(message: string, details: Readonly<Record<string, unknown>>): LaminixError {
    return new LaminixError("ERR_NAR_HASH", message, {
      details: { path: name, ...details },
      hint: "what it was read from is damaged; `nix-store --verify-path` tells of a store",
    });
  }
}
