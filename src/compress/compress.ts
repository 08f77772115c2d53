/** Encoders: plain bytes in, compressed bytes out, made on several cores. */
import { untilAborted } from "../abort.js";
import type { BorrowedBytes } from "../bytes/bytes.js";
import type { Compressor, CompressOptions } from "./compressors.js";
import { gzip } from "./gzip.js";
import { zstd } from "./zstd.js";

/**
 * The compressed bytes. They follow from the plain ones, the level, the encoder and its version: not from the number of
 * threads, nor from how the input is cut into pieces. What is read ahead is bounded, so that a slow reader slows the
 * source.
 * @throws {LaminixError} ERR_ADDON_MISSING; and whatever `pieces` throws
 */
export function compress(
  pieces: BorrowedBytes,
  compressor: Compressor,
  options: CompressOptions = {},
): BorrowedBytes {
  switch (compressor) {
    case "none":
      return untilAborted(pieces, options.signal);
    case "gz":
      return gzip(pieces, options);
    case "zstd":
      return zstd(pieces, options);
  }
}
