/** A thread that compresses chunks, one after another. */
import { parentPort } from "node:worker_threads";
import * as zlib from "node:zlib";
import type { ChunkTask, Reply, Request } from "./messages.js";
import { roomFor } from "./messages.js";
import { zstdOfNode } from "./nodeZstd.js";

const port = parentPort;
if (!port) throw new Error("this file runs in a worker thread only");

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
    const bytes = encode(task);
    new Uint8Array(task.memory).set(bytes);
    return { id, length: bytes.length };
  } catch (error) {
    return { id, error };
  }
}

port.on("message", (request: Request) => {
  port.postMessage(answer(request));
});
