/** Compressed files made plain, in temporary files that have no name. */
import type { OwnedBytes } from "../bytes/bytes.js";
import { decompress } from "../compress/decompress.js";
import type { Compression } from "../compress/compressions.js";
import { MAGIC_BYTES, sniffed } from "../compress/magic.js";
import { type Digest, Digester, requireDigest } from "../bytes/digest.js";
import { LaminixError } from "../errors.js";
import { Spool } from "../files/spool.js";
import type { Encoding } from "../image/layer.js";
import { encodingOf } from "../manifests/mediaTypes.js";
import { type Region, regionPieces, StoredFile, wholeOf } from "../files/storedFile.js";
import { UnpackBudget } from "./unpackBudget.js";

interface Options {
  readonly signal?: AbortSignal | undefined;
}

/**
 * How something is compressed. Its first bytes tell, since media types are often wrong; these tell where the bytes do not.
 * @param name what it is called in errors
 * @throws {LaminixError} ERR_UNSUPPORTED
 */
export function compressionOf(
  { file, offset, size }: Region,
  { name = file.path, mediaType }: { readonly name?: string; readonly mediaType?: string | undefined } = {},
): Compression {
  const head = Buffer.alloc(Math.min(MAGIC_BYTES, size));
  const read = file.readNow(head, head.length, offset);
  const encoding = mediaType === undefined ? undefined : encodingOf(mediaType);
  return sniffed(head.subarray(0, read), name) ?? compressions[encoding ?? "none"];
}

/** By their names in images. */
const compressions: Readonly<Record<Encoding, Compression>> = { none: "none", gz: "gzip", zstd: "zstd" };
/** Their names in images, which have no others. */
export const encodings: Readonly<Partial<Record<Compression, Encoding>>> = {
  none: "none",
  gzip: "gz",
  zstd: "zstd",
};

/**
 * Opens a file for reading at any place.
 * @param path plain, or compressed with gzip, zstd, xz or bzip2
 * @throws {LaminixError} ERR_FILE_READ, ERR_ARCHIVE, ERR_UNSUPPORTED, ERR_PROGRAM, ERR_FILE_WRITE
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
  async function* input(): OwnedBytes {
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
 * The uncompressed tar of a layer in a temporary file.
 * @param options.digest of the packed bytes, where it is to be checked
 * @throws {LaminixError} ERR_DIGEST, ERR_ARCHIVE, ERR_PROGRAM, ERR_FILE_WRITE
 */
export async function unpackedLayer(
  packed: Region,
  compression: Compression,
  {
    name,
    digest,
    diffId,
    signal,
    budget,
  }: Options & {
    readonly name: string;
    readonly digest?: Digest | undefined;
    readonly diffId: Digest;
    readonly budget: UnpackBudget;
  },
): Promise<StoredFile> {
  const before = new Digester();
  const after = new Digester();
  async function* pieces(): AsyncGenerator<Uint8Array> {
    const onPacked = (piece: Uint8Array): unknown => digest && before.update(piece);
    for await (const piece of unpackedPieces(packed, compression, { signal, onPacked })) {
      after.update(piece);
      yield piece;
    }
  }
  const file = await spooled(packed.file.path, pieces(), budget);
  try {
    if (digest) requireDigest(name, digest, before.digest());
    requireDigest(name, diffId, after.digest());
    return file;
  } catch (error) {
    file.close();
    throw error;
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
