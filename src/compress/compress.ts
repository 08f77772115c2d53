/** Encoders: plain bytes in, compressed bytes out, made on several cores. */
import { untilAborted } from "../abort.js";
import type { Compressor } from "./compressors.js";
import { gzip } from "./gzip.js";
import { zstd } from "./zstd.js";

export interface CompressOptions {
  /** Of gzip 0 to 9, 6 unless given; of zstd 1 to 19, 3 unless given. */
  readonly level?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Threads that compress, at the most; one for each core, up to 16, unless given. */
  readonly jobs?: number | undefined;
}

/**
 * The compressed bytes. They follow from the plain ones, the level, and the encoder's version, which is Node's own or
 * that of the program `zstd`: not from the number of threads, nor from how the input is cut into pieces. What is read
 * ahead is bounded, so that a slow reader slows the source.
 * @param pieces each good until the next one is asked for
 * @returns pieces that are good until the next one is asked for
 * @throws {LaminixError} ERR_UNSUPPORTED where there is no zstd; and whatever `pieces` throws
 */
export function compress(
  pieces: AsyncIterable<Uint8Array>,
  compressor: Compressor,
  options: CompressOptions = {},
): AsyncIterable<Uint8Array> {
  switch (compressor) {
    case "none":
      return untilAborted(pieces, options.signal);
    case "gz":
      return gzip(pieces, options);
    case "zstd":
      return zstd(pieces, options);
  }
}
