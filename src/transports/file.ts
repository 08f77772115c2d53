/** Archives in files. */
import type { BorrowedBytes } from "../bytes/bytes.js";
import { compress } from "../compress/compress.js";
import { COMPRESSORS, type Compressor } from "../compress/compressors.js";
import { LaminixError } from "../errors.js";
import type { BytesOrPart } from "../files/filePart.js";
import type { Output } from "../files/outputTarget.js";

/**
 * How a file is to be compressed.
 * @param wanted what was asked for; unless given, what the file's name says, and gzip where it says nothing
 * @throws {LaminixError} ERR_USAGE
 */
export function compressionFor(path: string, wanted: string | undefined): Compressor {
  if (wanted !== undefined) {
    const known = COMPRESSORS.find((each) => each === wanted);
    if (known) return known;
    throw new LaminixError("ERR_USAGE", `${wanted} is not a compression`, {
      hint: `use ${COMPRESSORS.join(", ")}`,
    });
  }
  if (/\.tar$/.test(path)) return "none";
  return /\.zst$/.test(path) ? "zstd" : "gz";
}

/**
 * Writes an archive, compressed as wanted.
 * @param options.parts gives the same bytes as `pieces`, and is read in place of them where parts of files can be passed on
 * @returns bytes that were written
 * @throws {LaminixError} ERR_FILE_WRITE, ERR_UNSUPPORTED, and whatever `pieces` throws
 */
export function writeArchive(
  output: Output,
  pieces: BorrowedBytes,
  options: {
    readonly compression: Compressor;
    readonly signal?: AbortSignal | undefined;
    /** Threads that compress, at the most. */
    readonly jobs?: number | undefined;
    readonly parts?: (() => AsyncIterable<BytesOrPart>) | undefined;
  },
): Promise<number> {
  const { compression, parts } = options;
  if (parts && compression === "none" && output.writeParts) return output.writeParts(parts());
  return output.write(compress(pieces, compression, options));
}
