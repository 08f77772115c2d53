/** A chunk to be compressed on its own: what a thread is asked for. */
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

/** Bytes that a chunk may become, where it does not compress at all. */
export function roomFor(length: number): number {
  return length + (length >> 8) + 1024;
}
