/** How hard is tried. */
import type { Compressor } from "./compressors.js";

/** What zlib takes, and zstd without a window larger than all decoders have memory for. */
const LEVELS: Readonly<Partial<Record<Compressor, readonly [number, number]>>> = {
  gz: [0, 9],
  zstd: [1, 19],
};

/** The levels that there are, in words, where it is none of them. */
export function otherLevels(compressor: Compressor, level: number): string | undefined {
  const levels = LEVELS[compressor];
  if (!levels) return "left out where nothing is compressed";
  const [least, most] = levels;
  return level >= least && level <= most ? undefined : `${String(least)} to ${String(most)} of ${compressor}`;
}
