/** Names and options of the encoders; apart from them, for most who name one have nothing to encode. */
export const COMPRESSORS = ["none", "gz", "zstd"] as const;
export type Compressor = (typeof COMPRESSORS)[number];

/** What makes gzip: libdeflate is in the addon, zlib in Node. They make different bytes. */
export const GZIP_ENCODERS = ["libdeflate", "zlib"] as const;
export type GzipEncoder = (typeof GZIP_ENCODERS)[number];

export interface CompressOptions {
  /** Of gzip 0 to 12, and to 9 by zlib, 6 unless given; of zstd 1 to 19, 3 unless given. */
  readonly level?: number | undefined;
  /** Of gzip; libdeflate unless given. */
  readonly encoder?: GzipEncoder | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Threads that compress, at the most; one for each core, up to 16, unless given. */
  readonly jobs?: number | undefined;
}

/** What libdeflate takes, and zstd without a window larger than all decoders have memory for. */
const LEVELS: Readonly<Partial<Record<Compressor, readonly [number, number]>>> = {
  gz: [0, 12],
  zstd: [1, 19],
};
const ZLIB_LEVELS = [0, 9] as const;

/** The levels that there are, in words, where it is none of them. */
export function otherLevels(
  compressor: Compressor,
  level: number,
  encoder?: GzipEncoder,
): string | undefined {
  const isZlib = compressor === "gz" && encoder === "zlib";
  const levels = isZlib ? ZLIB_LEVELS : LEVELS[compressor];
  if (!levels) return "left out where nothing is compressed";
  const [least, most] = levels;
  return level >= least && level <= most
    ? undefined
    : `${String(least)} to ${String(most)} of ${compressor}${isZlib ? " by zlib" : ""}`;
}
