/** A thread that compresses chunks, one after another. */
import { once } from "node:events";
import { MessageChannel } from "node:worker_threads";
import * as zlib from "node:zlib";
import { serve } from "../threads/serve.js";
import { type ChunkTask, roomFor } from "./messages.js";
import { zstdOfNode } from "./nodeZstd.js";

/** What is transferred to it is gone at once, where garbage would wait until there are tens of megabytes of it. */
const nowhere = new MessageChannel().port1;
nowhere.close();
await once(nowhere, "close");

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

/** @returns how many bytes of the task's memory the chunk has become */
serve((task: ChunkTask): number => {
  const bytes = encode(task);
  const { length, buffer } = bytes;
  new Uint8Array(task.memory).set(bytes);
  // What is small lies beside others' bytes.
  if (buffer.byteLength > Buffer.poolSize) nowhere.postMessage(undefined, [buffer as ArrayBuffer]);
  return length;
});
