/** What compressed bytes follow from, beside the plain ones: for keys under which their digests are remembered. */
import { createHash } from "node:crypto";
import type { BorrowedBytes } from "../bytes/bytes.js";
import { compress } from "./compress.js";
import type { CompressOptions, Compressor } from "./compressors.js";
import { GZIP_LEVEL } from "./gzip.js";
import { ZSTD_LEVEL } from "./zstd.js";

/** Changes when the plain bytes are cut into other chunks than before. */
const FORMAT = 3;

const names = new Map<string, Promise<string>>();

/**
 * The encoder, its level, and a hash of what it makes of a fixed text: another version of it may make other bytes, and
 * zlib does on other processors. The same name, the same bytes.
 * @throws {LaminixError} ERR_ADDON_MISSING
 */
export function encoderName(
  compressor: Exclude<Compressor, "none">,
  { level, encoder = "libdeflate" }: Pick<CompressOptions, "level" | "encoder"> = {},
): Promise<string> {
  const base =
    compressor === "gz"
      ? `gz ${String(FORMAT)} ${encoder} level ${String(level ?? GZIP_LEVEL)}`
      : `zstd ${String(FORMAT)} level ${String(level ?? ZSTD_LEVEL)}`;
  let name = names.get(base);
  if (!name) {
    name = sampleHash(compressor, { level, encoder }).then((hash) => `${base} ${hash}`);
    // Asked again, it may be there.
    name.catch(() => names.delete(base));
    names.set(base, name);
  }
  return name;
}

/** The first 16 digits of its SHA-256. */
async function sampleHash(
  compressor: Exclude<Compressor, "none">,
  options: CompressOptions,
): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of compress(sample(), compressor, options)) hash.update(piece);
  return hash.digest("hex").slice(0, 16);
}

/** Words that are repeated near and far, with letters and noise in between. */
async function* sample(): BorrowedBytes {
  await Promise.resolve();
  const bytes = Buffer.alloc(1 << 16);
  let state = 1;
  const random = (below: number): number => {
    // A linear congruential generator, of which the high bits are the better ones.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  for (let at = 0; at < bytes.length;) {
    const end = at + 1 + random(24);
    if (at > 100 && random(4) > 0) {
      const from = random(at - 24);
      bytes.copyWithin(at, from, from + end - at);
      at = end;
    }
    while (at < end) bytes[at++] = random(4) > 0 ? 97 + random(6) : random(256);
  }
  yield bytes;
}
