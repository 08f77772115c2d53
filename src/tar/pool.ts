/** The threads that hash layer tars. */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { abortable, onAbort } from "../abort.js";
import { LaminixError } from "../errors.js";
import type { LayerTar } from "./layerTar.js";
import type { PlainError, Reply, Request, TarSummary } from "./messages.js";

/** Layers handed to a thread in advance, so that it need not wait for this thread to have a moment. */
const AHEAD = 4;
/** Milliseconds that a thread without work is kept. */
const IDLE = 500;

interface Job {
  readonly id: number;
  readonly layer: LayerTar;
  resolve(summary: TarSummary): void;
  reject(error: unknown): void;
}

/** One thread and the jobs it was given. */
class Thread {
  readonly jobs = new Map<number, Job>();
  readonly #worker = new Worker(new URL("./worker.js", import.meta.url));
  #idle: NodeJS.Timeout | undefined;

  constructor(onFree: () => void, onEnd: (thread: Thread) => void) {
    this.#worker.on("message", (reply: Reply) => {
      const job = this.jobs.get(reply.id);
      this.jobs.delete(reply.id);
      if (reply.kind === "hashed") job?.resolve(reply.summary);
      if (reply.kind === "failed") job?.reject(revive(reply.error));
      onFree();
      if (this.jobs.size === 0) this.#rest();
    });
    this.#worker.on("error", (cause) => {
      this.#fail(cause);
    });
    this.#worker.on("exit", () => {
      onEnd(this);
      this.#fail(undefined);
    });
  }

  give(job: Job): void {
    clearTimeout(this.#idle);
    this.#worker.ref();
    this.jobs.set(job.id, job);
    this.#send({ kind: "hash", id: job.id, layer: job.layer });
  }

  stop(id: number): void {
    this.#send({ kind: "stop", id });
  }

  #send(request: Request): void {
    this.#worker.postMessage(request);
  }

  #rest(): void {
    this.#worker.unref();
    this.#idle = setTimeout(() => void this.#worker.terminate(), IDLE).unref();
  }

  #fail(cause: unknown): void {
    const error = new LaminixError("ERR_INTERNAL", "a thread that hashes layers stopped", { cause });
    for (const job of this.jobs.values()) job.reject(error);
    this.jobs.clear();
  }
}

/** Threads start when there is work, end some time after the last of it, and never keep the process alive idle. */
export class TarPool {
  readonly #size: number;
  readonly #waiting: Job[] = [];
  #threads: Thread[] = [];
  #nextId = 1;

  /** @param jobs how many threads at the most; one for each core unless given */
  constructor(jobs: number = availableParallelism()) {
    this.#size = Math.max(1, jobs);
  }

  /**
   * Digest, size and fingerprint of a layer's tar. Layers are begun in the order in which they are asked for.
   * @throws {LaminixError} ERR_FILE_CHANGED, ERR_FILE_READ, ERR_FILE_TYPE
   */
  async hash(
    layer: LayerTar,
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<TarSummary> {
    signal?.throwIfAborted();
    const id = this.#nextId++;
    const summary = new Promise<TarSummary>((resolve, reject) => {
      this.#waiting.push({ id, layer, resolve, reject });
    });
    this.#share();
    const forget = onAbort(signal, () => {
      this.#stop(id);
    });
    return abortable(summary, signal).finally(forget);
  }

  #share(): void {
    while (this.#waiting.length > 0) {
      const thread = this.#leastBusy();
      if (thread.jobs.size >= AHEAD) return;
      const job = this.#waiting.shift();
      if (job) thread.give(job);
    }
  }

  #stop(id: number): void {
    const at = this.#waiting.findIndex((job) => job.id === id);
    if (at >= 0) this.#waiting.splice(at, 1);
    else this.#threads.find((thread) => thread.jobs.has(id))?.stop(id);
  }

  #leastBusy(): Thread {
    const least = this.#threads.toSorted((one, other) => one.jobs.size - other.jobs.size)[0];
    if (least && (least.jobs.size === 0 || this.#threads.length >= this.#size)) return least;
    const thread = new Thread(
      () => {
        this.#share();
      },
      (ended) => {
        this.#threads = this.#threads.filter((other) => other !== ended);
      },
    );
    this.#threads.push(thread);
    return thread;
  }
}

function revive({ code, message, hint, details, cause }: PlainError): LaminixError {
  return new LaminixError(code, message, { details, ...(hint && { hint }), ...(cause && { cause }) });
}
