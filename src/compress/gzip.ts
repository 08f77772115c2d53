/** gzip (RFC 1952) on several cores: one member, as any program that reads gzip takes it. */
import type { BorrowedBytes } from "../bytes/bytes.js";
import { encodeChunks } from "./chunks.js";
import type { CompressOptions } from "./compressors.js";
import { joinedCrc32 } from "./crc32.js";
import { nativeEncoder } from "./native.js";
import { zlibEncoder } from "./zlib.js";

/** A chunk knows nothing of the one before it. Four times as much makes 0.1 % less, and takes four times the memory. */
const CHUNK = 1 << 20;
export const GZIP_LEVEL = 6;

/** No name, no time, and no word on the operating system. */
const header = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255);
/** The last block, which is empty: each chunk ends where a byte does, so that they need only be put together. */
const lastBlock = [3, 0];

/** @throws {LaminixError} ERR_ADDON_MISSING; and whatever `pieces` throws */
export async function* gzip(
  pieces: BorrowedBytes,
  { level = GZIP_LEVEL, encoder = "libdeflate", signal, jobs }: CompressOptions,
): BorrowedBytes {
  let checksum = 0;
  let length = 0;
  let started = false;
  const chunks =
    encoder === "zlib"
      ? encodeChunks(pieces, zlibEncoder(level), { signal, jobs })
      : encodeChunks(pieces, libdeflateEncoder(level), { signal, jobs });
  for await (const { bytes, crc32, plainLength } of chunks) {
    checksum = joinedCrc32(checksum, crc32, plainLength);
    length += plainLength;
    if (!started) yield header;
    started = true;
    if (bytes.length > 0) yield bytes;
  }
  const end = Buffer.from([...lastBlock, ...Buffer.alloc(8)]);
  end.writeUInt32LE(checksum, 2);
  end.writeUInt32LE(length % 2 ** 32, 6);
  yield end;
}

const libdeflateEncoder = (level: number) =>
  nativeEncoder({
    format: "gz",
    level,
    size: CHUNK,
    ahead: 2,
    otherwise: "compress layers with --layer-encoder zlib, and write files with --compress none",
  });
