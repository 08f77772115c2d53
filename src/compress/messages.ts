/** What the threads that compress and the thread that asks them say to one another. */

/** A chunk to be compressed on its own. */
export interface ChunkTask {
  readonly format: "gz" | "zstd";
  readonly level: number;
  /** Holds the dictionary from its first byte on, and the chunk behind it. */
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
  | { readonly id: number; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly id: number; readonly error: unknown };
