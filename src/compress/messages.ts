/** What the threads that compress and the thread that asks them say to one another. */

/** A chunk to be compressed on its own. */
export interface ChunkTask {
  readonly format: "gz" | "zstd";
  readonly level: number;
  /** Holds the dictionary from its first byte on, and the chunk behind it; in the end what the chunk has become. */
  readonly memory: SharedArrayBuffer;
  /** Bytes. */
  readonly dictionary: number;
  /** Bytes of the chunk. */
  readonly length: number;
}

export interface Request extends ChunkTask {
  readonly id: number;
}

export type Reply =
  /** So many bytes of the task's memory. */
  { readonly id: number; readonly length: number } | { readonly id: number; readonly error: unknown };

/** Bytes that a chunk may become, where it does not compress at all. */
export function roomFor(length: number): number {
  return length + (length >> 8) + 1024;
}
