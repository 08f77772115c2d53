/** A file that is there whole or not at all, compressed as wanted. */
import { randomBytes } from "node:crypto";
import { createWriteStream } from "node:fs";
import { rename, rm, stat } from "node:fs/promises";
import { Readable, type Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import * as zlib from "node:zlib";
import { LaminixError } from "../errors.js";
import { copied } from "../image/pieces.js";

export const COMPRESSIONS = ["none", "gz", "zstd"] as const;
export type Compression = (typeof COMPRESSIONS)[number];

/**
 * How a file is to be compressed.
 * @param wanted what was asked for; unless given, what the file's name says, and gzip where it says nothing
 * @throws {LaminixError} ERR_USAGE
 */
export function compressionFor(path: string, wanted: string | undefined): Compression {
  if (wanted !== undefined) {
    const known = COMPRESSIONS.find((each) => each === wanted);
    if (known) return known;
    throw new LaminixError("ERR_USAGE", `${wanted} is not a compression`, {
      hint: `use ${COMPRESSIONS.join(", ")}`,
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
  { compression, signal }: { readonly compression: Compression; readonly signal?: AbortSignal | undefined },
): Promise<number> {
  const compressor = compressorFor(compression);
  const temporary = `${path}.${randomBytes(6).toString("hex")}.partial`;
  const file = createWriteStream(temporary, { flags: "wx" });
  // A stream that fails takes the others with it, and all tell the same error; only here is it known whose it was.
  let reading: { readonly error: unknown } | undefined;
  const source = Readable.from(copied(noted(pieces, (error) => (reading = { error }))), {
    objectMode: false,
  });
  const options = { ...(signal && { signal }) };
  try {
    await (compressor ? pipeline(source, compressor, file, options) : pipeline(source, file, options));
    const { size } = await stat(temporary);
    await rename(temporary, path);
    return size;
  } catch (error) {
    // Where nothing could be made nothing can be removed; the first error is the one to tell.
    await rm(temporary, { force: true }).catch(() => undefined);
    if (signal?.aborted) throw signal.reason;
    throw reading ? reading.error : cannotWrite(path, error);
  }
}

function compressorFor(compression: Compression): Transform | undefined {
  if (compression === "none") return undefined;
  if (compression === "gz") return zlib.createGzip({ level: 6, chunkSize: 1 << 18 });
  const { createZstdCompress } = zlib as { createZstdCompress?: () => Transform };
  if (createZstdCompress) return createZstdCompress();
  throw new LaminixError("ERR_UNSUPPORTED", `this Node (${process.version}) has no zstd`, {
    hint: "use Node 22.15 or later, or --compress gz",
  });
}

/** Tells what the source throws. What a stream throws into its reader ends in `copied`, and is not told. */
async function* noted(
  pieces: AsyncIterable<Uint8Array>,
  onError: (error: unknown) => void,
): AsyncGenerator<Uint8Array> {
  try {
    yield* pieces;
  } catch (error) {
    onError(error);
    throw error;
  }
}

/** The coded error for a file, or standard output, that a system call could not write. */
export function cannotWrite(what: string, cause: unknown): LaminixError {
  const { code = "unknown" } = cause as NodeJS.ErrnoException;
  const reasons: Record<string, string> = {
    ENOSPC: "no space left on the disk",
    EDQUOT: "the disk quota is used up",
    EACCES: "permission denied",
    EROFS: "the file system is read-only",
    ENOENT: "its folder does not exist",
    ENOTDIR: "its folder is a file",
    EISDIR: "it is a folder",
  };
  return new LaminixError("ERR_FILE_WRITE", `${what} cannot be written: ${reasons[code] ?? code}`, {
    cause,
    details: { path: what, errno: code },
    ...(code === "ENOSPC" && { hint: "free some space, or write elsewhere" }),
  });
}
