/** Compressed files made plain, in temporary files that have no name. */
import { type Compression, decompress } from "../compress/decompress.js";
import { LaminixError } from "../errors.js";
import { Spool } from "../files/spool.js";
import { type Region, regionPieces, StoredFile, wholeOf } from "./storedFile.js";
import { UnpackBudget } from "./unpackBudget.js";

interface Options {
  readonly signal?: AbortSignal | undefined;
}

/** How something is compressed, by its first bytes. */
export function compressionOf({ file, offset, size }: Region): Compression {
  const magic = Buffer.alloc(6);
  const read = file.readNow(magic, Math.min(magic.length, size), offset);
  const starts = (...bytes: number[]): boolean =>
    bytes.length <= read && bytes.every((byte, i) => magic[i] === byte);
  if (starts(0x1f, 0x8b)) return "gzip";
  if (starts(0x28, 0xb5, 0x2f, 0xfd)) return "zstd";
  if (starts(0xfd, 0x37, 0x7a, 0x58, 0x5a)) return "xz";
  if (starts(0x42, 0x5a, 0x68)) return "bzip2";
  return "none";
}

/**
 * Opens a file for reading at any place.
 * @param path plain, or compressed with gzip, zstd, xz or bzip2
 * @throws {LaminixError} ERR_FILE_READ, ERR_ARCHIVE, ERR_PROGRAM, ERR_FILE_WRITE
 */
export async function openPlain(
  path: string,
  { signal, budget }: Options & { readonly budget?: UnpackBudget | undefined } = {},
): Promise<StoredFile> {
  signal?.throwIfAborted();
  const file = StoredFile.open(path);
  try {
    const packed = wholeOf(file);
    const compression = compressionOf(packed);
    if (compression === "none") return file;
    const plain = await spooled(path, unpackedPieces(packed, compression, { signal }), budget);
    file.close();
    return plain;
  } catch (error) {
    file.close();
    throw error;
  }
}

/**
 * The plain bytes of something compressed.
 * @throws {LaminixError} ERR_ARCHIVE when it is damaged, ERR_PROGRAM
 */
export async function* unpackedPieces(
  packed: Region,
  compression: Compression,
  { signal, onPacked }: Options & { readonly onPacked?: (piece: Uint8Array) => void } = {},
): AsyncGenerator<Uint8Array> {
  async function* input(): AsyncGenerator<Uint8Array> {
    for await (const piece of regionPieces(packed, { signal })) {
      onPacked?.(piece);
      yield piece;
    }
  }
  try {
    yield* decompress(input(), compression, { signal });
  } catch (cause) {
    if (!(cause instanceof LaminixError) || cause.code !== "ERR_COMPRESSION") throw cause;
    const { path } = packed.file;
    throw new LaminixError("ERR_ARCHIVE", `${path} cannot be unpacked`, {
      cause,
      details: { path },
      ...(cause.hint !== undefined && { hint: cause.hint }),
    });
  }
}

/**
 * Bytes kept in a temporary file.
 * @param name what they are called in errors
 * @throws {LaminixError} ERR_FILE_WRITE, ERR_ARCHIVE when they are more than the budget has, and what `pieces` throws
 */
export async function spooled(
  name: string,
  pieces: AsyncIterable<Uint8Array>,
  budget = new UnpackBudget(),
): Promise<StoredFile> {
  const spool = new Spool();
  try {
    for await (const piece of pieces) {
      budget.take(piece.length, name);
      spool.append(piece);
    }
    return StoredFile.fromSpool(name, spool);
  } finally {
    spool.close();
  }
}
