/** A thread that compresses chunks, one after another. */
import { parentPort } from "node:worker_threads";
import * as zlib from "node:zlib";
import type { ChunkTask, Reply, Request } from "./messages.js";
import { zstdOfNode } from "./nodeZstd.js";

const port = parentPort;
if (!port) throw new Error("this file runs in a worker thread only");

/** Room for what does not compress at all, so that one call makes all of the output. */
const roomFor = (length: number): number => length + (length >> 8) + 1024;

function encode({ format, level, memory, dictionary, length }: ChunkTask): Uint8Array {
  const chunk = new Uint8Array(memory, dictionary, length);
  const chunkSize = roomFor(length);
  if (format === "zstd") {
    const zstd = zstdOfNode();
    if (!zstd) throw new Error(`Node ${process.version} has no zstd`);
    // Were there a second call for the output, Node could put an empty frame behind it.
    const params = {
      [zstd.constants.ZSTD_c_compressionLevel]: level,
      [zstd.constants.ZSTD_c_checksumFlag]: 1,
    };
    return zstd.zstdCompressSync(chunk, { chunkSize, pledgedSrcSize: length, params });
  }
  return zlib.deflateRawSync(chunk, {
    level,
    chunkSize,
    finishFlush: zlib.constants.Z_SYNC_FLUSH,
    ...(dictionary > 0 && { dictionary: new Uint8Array(memory, 0, dictionary) }),
  });
}

function answer({ id, ...task }: Request): Reply {
  try {
    // A copy of its own size: the room it was made in is much larger, and may be shared.
    return { id, bytes: Uint8Array.from(encode(task)) };
  } catch (error) {
    return { id, error };
  }
}

port.on("message", (request: Request) => {
  const reply = answer(request);
  port.postMessage(reply, "bytes" in reply ? [reply.bytes.buffer] : []);
});
