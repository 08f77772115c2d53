/**
 * zstd (RFC 8878) on several cores: frames of one size that follow one another, which the format takes for one.
 *
 * Not Node's own, which some lack: its streams end before the last byte where they use threads
 * (https://github.com/nodejs/node/issues/59899), and even without, their bytes depend on how fast they are fed
 * (https://github.com/nodejs/node/issues/66078).
 */
import type { BorrowedBytes } from "../bytes/bytes.js";
import { encodeChunks } from "./chunks.js";
import type { CompressOptions } from "./compressors.js";
import { nativeEncoder } from "./native.js";

/**
 * More than the window of the usual level, for a frame knows nothing of the one before it. A third more gains less than
 * 0.2 %.
 */
const FRAME = 3 << 20;
export const ZSTD_LEVEL = 3;

/** @throws {LaminixError} ERR_ADDON_MISSING; and whatever `pieces` throws */
export async function* zstd(
  pieces: BorrowedBytes,
  { level = ZSTD_LEVEL, signal, jobs }: CompressOptions,
): BorrowedBytes {
  const encoder = nativeEncoder({
    format: "zstd",
    level,
    size: FRAME,
    ahead: 0.5,
    otherwise: "use another compression: none, or gz with --layer-encoder zlib",
  });
  for await (const { bytes } of encodeChunks(pieces, encoder, { signal, jobs })) yield bytes;
}
