/**
 * The threads that compress, shared by all compressions of this process. Not libuv's pool: four of them at the most
 * would run at once, and nobody could read a file meanwhile.
 */
import { Worker } from "node:worker_threads";
import { LaminixError } from "../errors.js";
import type { ChunkTask, Reply, Request } from "./messages.js";

/** Milliseconds that a thread without work is kept. */
const IDLE = 500;

interface Job {
  resolve(length: number): void;
  reject(error: unknown): void;
}

/** It keeps the process alive only while it works. */
class Thread {
  readonly #worker: Worker;
  readonly #onEnd: (thread: Thread) => void;
  readonly #jobs = new Map<number, Job>();
  #nextId = 1;
  #idle: NodeJS.Timeout | undefined;

  /** @param onEnd called before it ends, so that it is given nothing any more; perhaps more than once */
  constructor(onEnd: (thread: Thread) => void) {
    this.#onEnd = onEnd;
    // Without the flags of this process: some, such as --input-type, stop a thread that runs a file.
    this.#worker = new Worker(new URL("./worker.js", import.meta.url), { execArgv: [] });
    this.#worker.on("message", (reply: Reply) => {
      this.#finish(reply);
    });
    this.#worker.on("error", (cause) => {
      this.#fail(cause);
    });
    this.#worker.on("exit", () => {
      onEnd(this);
      this.#fail(undefined);
    });
  }

  /** Chunks that it has not answered yet. */
  get load(): number {
    return this.#jobs.size;
  }

  async encode(task: ChunkTask): Promise<Uint8Array> {
    clearTimeout(this.#idle);
    this.#worker.ref();
    const id = this.#nextId++;
    const request: Request = { id, ...task };
    const length = await new Promise<number>((resolve, reject) => {
      this.#jobs.set(id, { resolve, reject });
      this.#worker.postMessage(request);
    });
    return new Uint8Array(task.memory, 0, length);
  }

  #finish(reply: Reply): void {
    const job = this.#jobs.get(reply.id);
    this.#jobs.delete(reply.id);
    if ("length" in reply) job?.resolve(reply.length);
    else job?.reject(failure(reply.error));
    if (this.#jobs.size > 0) return;
    this.#worker.unref();
    this.#idle = setTimeout(() => {
      this.#onEnd(this);
      void this.#worker.terminate();
    }, IDLE).unref();
  }

  #fail(cause: unknown): void {
    for (const job of this.#jobs.values()) job.reject(failure(cause));
    this.#jobs.clear();
  }
}

function failure(cause: unknown): LaminixError {
  return new LaminixError("ERR_INTERNAL", "a thread that compresses failed", { cause });
}

let threads: readonly Thread[] = [];

/**
 * The chunk, in the task's memory, compressed by the one of the first so many threads that has the least to do. A thread is started where
 * there are fewer, and none of them is idle.
 */
export function encodeInThread(task: ChunkTask, most: number): Promise<Uint8Array> {
  let [thread] = threads.slice(0, most).toSorted((one, other) => one.load - other.load);
  if (!thread || (thread.load > 0 && threads.length < most)) {
    thread = new Thread((ended) => {
      threads = threads.filter((other) => other !== ended);
    });
    threads = [...threads, thread];
  }
  return thread.encode(task);
}
