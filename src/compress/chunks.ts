/**
 * A stream compressed in chunks of one size by several threads. Where it is cut depends on nothing but the size, so the
 * bytes are the same for any number of threads and however the input comes.
 */
import { availableParallelism } from "node:os";
import { abortable, untilAborted } from "../abort.js";
import type { BorrowedBytes } from "../bytes/bytes.js";
import { threadScript } from "../process/ownFile.js";
import { Threads } from "../threads/threads.js";
import { type ChunkTask, roomFor } from "./messages.js";

export interface ChunkOptions extends Pick<ChunkTask, "format" | "level"> {
  /** Bytes of a chunk; only the last one is shorter. */
  readonly size: number;
  /** Chunks that each thread is given in advance, so that it never waits for the one that brings them. */
  readonly ahead: number;
  /** Bytes in front of a chunk that may be referred to; not more than `size`. */
  readonly dictionary: number;
  readonly signal?: AbortSignal | undefined;
  /** Threads at the most. */
  readonly jobs?: number | undefined;
  /** Called with each chunk as it came, in order. */
  readonly onChunk?: (chunk: Uint8Array) => void;
}

/**
 * Shared by all compressions of this process. Not libuv's pool: four of them at the most would run at once, and nobody
 * could read a file meanwhile.
 */
const threads = new Threads<ChunkTask, number>({
  script: () => threadScript("compress/worker.js"),
  failure: "a thread that compresses failed",
  data: () => undefined,
});
let nextId = 1;

/** More threads than these wait for the one that brings the bytes. */
const DEFAULT_THREADS = 16;

/**
 * The chunks, compressed, in order; one that is empty where the input is. Memory holds those that are given in advance.
 * @throws whatever `pieces` throws
 */
export async function* encodeChunks(pieces: BorrowedBytes, options: ChunkOptions): BorrowedBytes {
  const { signal, jobs = Math.min(availableParallelism(), DEFAULT_THREADS) } = options;
  const mostThreads = Math.max(1, jobs);
  const most = mostThreads * (1 + options.ahead);
  const free: SharedArrayBuffer[] = [];
  const pending: Pending[] = [];
  for await (const task of tasksOf(untilAborted(pieces, signal), options, () => free.pop())) {
    const encoded = threads.leastBusy(mostThreads).do(nextId++, task);
    // What it fails with is told when its turn comes.
    encoded.catch(() => undefined);
    pending.push({ encoded, memory: task.memory });
    if (pending.length < most) continue;
    const next = pending.shift() as Pending;
    yield await bytesOf(next, signal);
    free.push(next.memory);
  }
  for (const each of pending) yield await bytesOf(each, signal);
}

interface Pending {
  /** How many bytes of the memory. */
  readonly encoded: Promise<number>;
  readonly memory: SharedArrayBuffer;
}

async function bytesOf({ encoded, memory }: Pending, signal: AbortSignal | undefined): Promise<Uint8Array> {
  return new Uint8Array(memory, 0, await abortable(encoded, signal));
}

/** Each in memory of its own, with the end of the chunk before it as its dictionary. */
async function* tasksOf(
  pieces: BorrowedBytes,
  { format, level, size, dictionary: reach, onChunk }: ChunkOptions,
  reusable: () => SharedArrayBuffer | undefined,
): AsyncGenerator<ChunkTask> {
  const tail = new Uint8Array(reach);
  let dictionary = 0;
  let chunk: Uint8Array | undefined;
  let length = 0;
  const begin = (): Uint8Array => {
    const memory = new Uint8Array(reusable() ?? new SharedArrayBuffer(Math.max(reach + size, roomFor(size))));
    memory.set(tail.subarray(0, dictionary));
    length = 0;
    return memory.subarray(dictionary, dictionary + size);
  };
  const task = (whole: Uint8Array): ChunkTask => {
    onChunk?.(whole.subarray(0, length));
    const memory = whole.buffer as SharedArrayBuffer;
    const made = { format, level, memory, dictionary, length };
    if (length === size) {
      tail.set(whole.subarray(size - reach));
      dictionary = reach;
    }
    return made;
  };
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length;) {
      chunk ??= begin();
      const part = piece.subarray(at, at + size - length);
      chunk.set(part, length);
      length += part.length;
      at += part.length;
      if (length < size) continue;
      yield task(chunk);
      chunk = undefined;
    }
  }
  if (chunk) yield task(chunk);
  else if (length === 0) yield task(begin());
}
