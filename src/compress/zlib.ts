/** Deflate by Node's zlib, in threads of Node's. */
import { threadScript } from "../process/ownFile.js";
import { Threads } from "../threads/threads.js";
import type { ChunkEncoder, Encoded } from "./chunks.js";
import type { ChunkTask } from "./messages.js";

/** Larger ones compress no better, and a thread takes some 15 milliseconds for one of these. */
const CHUNK = 1 << 19;
/** How far back deflate can refer. */
const WINDOW = 1 << 15;

/**
 * Shared by all compressions of this process. Not libuv's pool: four of them at the most would run at once, and nobody
 * could read a file meanwhile.
 */
const threads = new Threads<ChunkTask, Encoded>({
  script: () => threadScript("compress/worker.js"),
  failure: "a thread that compresses failed",
  data: () => undefined,
});
let nextId = 1;

/** Each chunk refers to the one before it, and ends with a flush. */
export function zlibEncoder(level: number): ChunkEncoder<SharedArrayBuffer> {
  return {
    size: CHUNK,
    ahead: 3,
    dictionary: WINDOW,
    allocate: (bytes) => new SharedArrayBuffer(bytes),
    letGo: () => undefined,
    encode: (chunk, jobs) => ({
      promise: threads.leastBusy(jobs).do(nextId++, { level, ...chunk }),
      cancel: () => undefined,
    }),
  };
}
