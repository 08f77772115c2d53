/** gzip (RFC 1952) on several cores: one member, as any program that reads gzip takes it. */
import { crc32 } from "node:zlib";
import type { BorrowedBytes } from "../bytes/bytes.js";
import { encodeChunks } from "./chunks.js";
import type { CompressOptions } from "./compressors.js";

/** Larger ones compress no better, and a thread takes some 15 milliseconds for one of these. */
const CHUNK = 1 << 19;
/** How far back deflate can refer. */
const WINDOW = 1 << 15;
export const GZIP_LEVEL = 6;

/** No name, no time, and no word on the operating system. */
const header = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255);
/** The last block, which is empty: each chunk ends with a flush, so that they need only be put together. */
const lastBlock = [3, 0];

/** @throws whatever `pieces` throws */
export async function* gzip(
  pieces: BorrowedBytes,
  { level = GZIP_LEVEL, signal, jobs }: CompressOptions,
): BorrowedBytes {
  let checksum = 0;
  let length = 0;
  const onChunk = (chunk: Uint8Array): void => {
    checksum = crc32(chunk, checksum);
    length += chunk.length;
  };
  const chunks = encodeChunks(pieces, {
    format: "gz",
    level,
    size: CHUNK,
    ahead: 3,
    dictionary: WINDOW,
    signal,
    jobs,
    onChunk,
  });
  let started = false;
  for await (const chunk of chunks) {
    if (!started) yield header;
    started = true;
    yield chunk;
  }
  const end = Buffer.from([...lastBlock, ...Buffer.alloc(8)]);
  end.writeUInt32LE(checksum, 2);
  end.writeUInt32LE(length % 2 ** 32, 6);
  yield end;
}
