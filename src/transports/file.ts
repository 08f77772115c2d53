/** A file that is there whole or not at all, compressed as wanted. */
import { randomBytes } from "node:crypto";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { compress } from "../compress/compress.js";
import { COMPRESSORS, type Compressor } from "../compress/compressors.js";
import { LaminixError } from "../errors.js";
import { cannotWrite } from "../files/cannotWrite.js";

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
 * Writes beside the target and renames at the end; on failure nothing is left.
 * @param pieces each good until the next one is asked for
 * @returns the file's size in bytes
 * @throws {LaminixError} ERR_FILE_WRITE, ERR_UNSUPPORTED, and whatever `pieces` throws
 */
export async function writeFileWhole(
  path: string,
  pieces: AsyncIterable<Uint8Array>,
  options: {
    readonly compression: Compressor;
    readonly signal?: AbortSignal | undefined;
    /** Threads that compress, at the most. */
    readonly jobs?: number | undefined;
  },
): Promise<number> {
  const { compression, signal, jobs } = options;
  const temporary = `${path}.${randomBytes(6).toString("hex")}.partial`;
  const here = async <T>(action: Promise<T>): Promise<T> => {
    try {
      return await action;
    } catch (error) {
      throw cannotWrite(path, error);
    }
  };
  try {
    const file = await here(open(temporary, "wx"));
    let size = 0;
    try {
      for await (const piece of compress(pieces, compression, { signal, jobs })) {
        await here(writeAll(file, piece));
        size += piece.length;
      }
    } finally {
      await here(file.close());
    }
    await here(rename(temporary, path));
    return size;
  } catch (error) {
    // Where nothing could be made nothing can be removed; the first error is the one to tell.
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** A piece, to where the file has been written to. */
export async function writeAll(file: FileHandle, piece: Uint8Array): Promise<void> {
  for (let done = 0; done < piece.length;) done += (await file.write(piece, done)).bytesWritten;
}
