/** A chunk to be deflated: what a thread is asked for. */
import type { Chunk } from "./chunks.js";

/** In the end, its memory holds what the chunk has become. */
export interface ChunkTask extends Chunk<SharedArrayBuffer> {
  readonly level: number;
}
