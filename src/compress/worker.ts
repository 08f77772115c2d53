/** A thread that deflates chunks, one after another. */
import { constants, crc32, deflateRawSync } from "node:zlib";
import { letGo } from "../threads/letGo.js";
import { serve } from "../threads/serve.js";
import { type Encoded, roomFor } from "./chunks.js";
import type { ChunkTask } from "./messages.js";

serve(({ level, memory, dictionary, length }: ChunkTask): Encoded => {
  const chunk = new Uint8Array(memory, dictionary, length);
  const checksum = crc32(chunk);
  const deflated = deflateRawSync(chunk, {
    level,
    chunkSize: roomFor(length),
    finishFlush: constants.Z_SYNC_FLUSH,
    ...(dictionary > 0 && { dictionary: new Uint8Array(memory, 0, dictionary) }),
  });
  const encoded = { length: deflated.length, crc32: checksum };
  new Uint8Array(memory).set(deflated);
  // What is small lies beside others' bytes.
  if (deflated.buffer.byteLength > Buffer.poolSize) letGo(deflated.buffer);
  return encoded;
});
