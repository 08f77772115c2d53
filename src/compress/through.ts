/** Bytes through something that has one end to write to and one to read from: a stream of Node's, or a child. */
import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { onAbort } from "../abort.js";
import { type OwnedBytes, ownedBytes, readable as toReadable } from "../bytes/bytes.js";

/** How it ended, as far as the streams know. */
export interface Passage {
  /** What the readable end, or writing, failed with. */
  readonly error: unknown;
  /** Bytes that were taken from the source. */
  readonly given: number;
  /** Whether the source was read to its end. */
  readonly whole: boolean;
}

export interface ThroughOptions {
  readonly writable: Writable;
  readonly readable: Readable;
  readonly signal?: AbortSignal | undefined;
  /** Asked when nothing more comes out; what it answers is thrown. */
  readonly verdict: (passage: Passage) => Promise<Error | undefined> | Error | undefined;
}

/**
 * What comes out while the source goes in. The source waits while nobody reads, and its own error is the one that is
 * thrown.
 */
export async function* through(
  source: OwnedBytes,
  { writable, readable, signal, verdict }: ThroughOptions,
): OwnedBytes {
  let given = 0;
  let own: { readonly error: unknown } | undefined;
  async function* watched(): OwnedBytes {
    try {
      yield* source;
    } catch (error) {
      own = { error };
      throw error;
    }
  }
  // What a stream throws into its reader when it fails ends here, and is not taken for the source's.
  async function* counted(): OwnedBytes {
    for await (const piece of watched()) {
      given += piece.length;
      yield piece;
    }
  }
  const input = toReadable(counted());
  let error: unknown;
  // A stream that fails takes the others with it; which one it was is asked below.
  pipeline(input, writable).catch((failure: unknown) => {
    error ??= failure;
  });
  const forget = onAbort(signal, () => {
    readable.destroy();
  });
  try {
    try {
      yield* ownedBytes(readable);
    } catch (failure) {
      error = failure;
    }
    signal?.throwIfAborted();
    if (own) throw own.error;
    const failure = await verdict({ error, given, whole: writable.writableEnded });
    signal?.throwIfAborted();
    if (failure) throw failure;
  } finally {
    forget();
    input.destroy();
    writable.destroy();
    readable.destroy();
  }
}
