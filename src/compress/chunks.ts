/**
 * A stream encoded in chunks of one size by several threads. Where it is cut depends on nothing but the size, so the
 * bytes are the same for any number of threads and however the input comes.
 */
import { availableParallelism } from "node:os";
import { abortable, untilAborted } from "../abort.js";
import type { BorrowedBytes } from "../bytes/bytes.js";

/** What encodes chunks, in threads. */
export interface ChunkEncoder<Memory extends ArrayBufferLike> {
  /** Bytes of a chunk; only the last one is shorter. */
  readonly size: number;
  /** Chunks for each thread that wait in advance, so that it need not wait for the one that brings them. */
  readonly ahead: number;
  /** Bytes in front of a chunk that may be referred to; not more than `size`. */
  readonly dictionary: number;
  readonly allocate: (bytes: number) => Memory;
  /** Called when the memory is not needed any more. */
  letGo(memory: Memory): void;
  /**
   * The chunk becomes what it is encoded to: from the memory's first byte on.
   * @param jobs how many chunks may be encoded at once
   */
  encode(chunk: Chunk<Memory>, jobs: number): Encoding;
}

export interface Chunk<Memory extends ArrayBufferLike> {
  /** Holds the dictionary from its first byte on, and the chunk behind it. */
  readonly memory: Memory;
  /** Bytes. */
  readonly dictionary: number;
  /** Bytes of the chunk. */
  readonly length: number;
}

export interface Encoding {
  /** The memory is in use until it settles. */
  readonly promise: Promise<Encoded>;
  /** The chunk is not wanted: it need not be encoded. */
  readonly cancel: () => void;
}

export interface Encoded {
  /** Bytes. */
  readonly length: number;
  /** Of the chunk as it came, where the format has it. */
  readonly crc32: number;
}

export interface EncodedChunk {
  /** Good until the next one is asked for. */
  readonly bytes: Uint8Array;
  readonly crc32: number;
  /** Bytes of the chunk as it came. */
  readonly plainLength: number;
}

export interface ChunkOptions {
  readonly signal?: AbortSignal | undefined;
  /** Threads at the most. */
  readonly jobs?: number | undefined;
}

/** More threads than these wait for the one that brings the bytes. */
const DEFAULT_THREADS = 16;

/** Chunks in advance that even few threads are given. */
const LEAST_AHEAD = 2;

/** Bytes of the memory for chunks of all streams in this thread, since layers may be encoded side by side. */
let held = 0;

/** Bytes that a chunk may become, where it does not compress at all. */
export function roomFor(length: number): number {
  return length + (length >> 8) + 1024;
}

/**
 * The chunks, encoded, in order; one that is empty where the input is. Memory holds those that are given in advance: of
 * all streams together no more than one needs to keep its threads busy, but for a chunk of each.
 * @throws whatever `pieces` throws
 */
export async function* encodeChunks<Memory extends ArrayBufferLike>(
  pieces: BorrowedBytes,
  encoder: ChunkEncoder<Memory>,
  { signal, jobs = Math.min(availableParallelism(), DEFAULT_THREADS) }: ChunkOptions,
): AsyncGenerator<EncodedChunk> {
  const mostThreads = Math.max(1, jobs);
  const most = Math.ceil(Math.max(mostThreads + LEAST_AHEAD, mostThreads * (1 + encoder.ahead)));
  const room = Math.max(encoder.dictionary + encoder.size, roomFor(encoder.size));
  const own = new Set<Memory>();
  const free: Memory[] = [];
  const pending: Pending<Memory>[] = [];
  const first = async ({ encoding, chunk }: Pending<Memory>): Promise<EncodedChunk> => {
    const { length, crc32 } = await abortable(encoding.promise, signal);
    pending.shift();
    // Nothing is written to it before the next chunk is asked for.
    free.push(chunk.memory);
    return { bytes: new Uint8Array(chunk.memory, 0, length), crc32, plainLength: chunk.length };
  };
  const take = (): Memory => {
    const reusable = free.pop();
    if (reusable) return reusable;
    const memory = encoder.allocate(room);
    held += room;
    own.add(memory);
    return memory;
  };
  const letGo = (memory: Memory): void => {
    held -= room;
    encoder.letGo(memory);
  };
  const hasRoom = (): boolean => free.length > 0 || held + room <= most * room;
  try {
    for await (const chunk of cut(untilAborted(pieces, signal), encoder, take)) {
      const encoding = encoder.encode(chunk, mostThreads);
      // What it fails with is told when its turn comes.
      encoding.promise.catch(() => undefined);
      pending.push({ encoding, chunk });
      const [next] = pending;
      if (next && !hasRoom()) yield await first(next);
    }
    for (let [next] = pending; next; [next] = pending) yield await first(next);
  } finally {
    for (const { encoding, chunk } of pending) {
      const settled = (): void => {
        letGo(chunk.memory);
      };
      own.delete(chunk.memory);
      encoding.promise.then(settled, settled);
      encoding.cancel();
    }
    for (const memory of own) letGo(memory);
  }
}

interface Pending<Memory extends ArrayBufferLike> {
  readonly encoding: Encoding;
  readonly chunk: Chunk<Memory>;
}

/** Each in memory of its own, with the end of the chunk before it as its dictionary. */
async function* cut<Memory extends ArrayBufferLike>(
  pieces: BorrowedBytes,
  { size, dictionary: reach }: ChunkEncoder<Memory>,
  take: () => Memory,
): AsyncGenerator<Chunk<Memory>> {
  const tail = new Uint8Array(reach);
  let dictionary = 0;
  let memory: Memory | undefined;
  let chunk: Uint8Array = new Uint8Array(0);
  let length = 0;
  const begin = (): Memory => {
    const taken = take();
    new Uint8Array(taken).set(tail.subarray(0, dictionary));
    chunk = new Uint8Array(taken, dictionary, size);
    length = 0;
    return taken;
  };
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length;) {
      memory ??= begin();
      const part = piece.subarray(at, at + size - length);
      chunk.set(part, length);
      length += part.length;
      at += part.length;
      if (length < size) continue;
      const whole = { memory, dictionary, length };
      tail.set(chunk.subarray(size - reach));
      dictionary = reach;
      memory = undefined;
      yield whole;
    }
  }
  if (memory) yield { memory, dictionary, length };
  else if (length === 0) yield { memory: begin(), dictionary, length };
}
