/** The threads that make layer tars. */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { abortable, onAbort } from "../abort.js";
import { LaminixError } from "../errors.js";
import { type DiskLayerTar, isOnDisk, type LayerTar } from "./layerTar.js";
import type { PlainError, Reply, Request, TarSummary, WorkerData } from "./messages.js";
import { hashLayerTar } from "./read.js";
import { Turns } from "../threads/turns.js";

/** Layers handed to a thread in advance, so that it need not wait for this thread to have a moment. */
const AHEAD = 2;
/** Milliseconds that a thread without work is kept. */
const IDLE = 500;
/** More threads than this find the disk, or the memory's bandwidth, used up by the others. */
const DEFAULT_THREADS = 4;
/** Bytes of tars that wait to be read, in all threads together. */
const KEPT = 40 << 20;
/** Layers with NARs that are hashed at once: while one waits for its source there is another to hash. */
const NARS_AT_ONCE = 4;

export interface HashOptions {
  readonly signal?: AbortSignal | undefined;
  /** Keeps the bytes of a small layer, for they will be read soon and in the order in which layers are asked for. */
  readonly keep?: boolean;
  /** About how many bytes the layer has, where that is known: a thread begins with the largest. */
  readonly weight?: number | undefined;
}

/** A tar that was made, and perhaps its bytes. */
export interface MadeTar extends TarSummary {
  /** Good until released, which must come soon: other layers wait for the room. */
  readonly kept?: { readonly bytes: Uint8Array; release(): void };
}

interface Job {
  readonly id: number;
  readonly layer: DiskLayerTar;
  readonly keep: boolean;
  readonly weight: number;
  resolve(made: MadeTar): void;
  reject(error: unknown): void;
}

/** One thread and the jobs it was given. */
class Thread {
  readonly jobs = new Map<number, Job>();
  readonly #worker: Worker;
  readonly #onFree: () => void;
  readonly #onEnd: (thread: Thread) => void;
  #memory: SharedArrayBuffer | undefined;
  #idle: NodeJS.Timeout | undefined;

  /**
   * @param keeps bytes of tars that may wait in this thread
   * @param onEnd called before it ends, so that it is given nothing any more; perhaps more than once
   */
  constructor(keeps: number, onFree: () => void, onEnd: (thread: Thread) => void) {
    this.#onFree = onFree;
    this.#onEnd = onEnd;
    // Without the flags of this process: some, such as --input-type, stop a thread that runs a file.
    const workerData: WorkerData = { keeps };
    this.#worker = new Worker(new URL("./worker.js", import.meta.url), { execArgv: [], workerData });
    this.#worker.on("message", (reply: Reply) => {
      if (reply.kind === "memory") this.#memory = reply.memory;
      else this.#finish(reply);
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
    const { id, layer, keep } = job;
    this.#send({ kind: "make", id, layer, keep });
  }

  stop(id: number): void {
    this.#send({ kind: "stop", id });
  }

  #send(request: Request): void {
    this.#worker.postMessage(request);
  }

  #finish(reply: Exclude<Reply, { readonly kind: "memory" }>): void {
    const { id } = reply;
    const job = this.jobs.get(id);
    this.jobs.delete(id);
    if (reply.kind === "failed") job?.reject(revive(reply.error));
    if (reply.kind === "made") job?.resolve({ ...reply.summary, ...this.#kept(id, reply.kept) });
    this.#onFree();
    if (this.jobs.size === 0) this.rest();
  }

  /** Does not keep the process alive, and ends unless it is given something to do. */
  rest(): void {
    this.#worker.unref();
    this.#idle = setTimeout(() => {
      this.#onEnd(this);
      void this.#worker.terminate();
    }, IDLE).unref();
  }

  #kept(
    id: number,
    place: { readonly start: number; readonly length: number } | undefined,
  ): Pick<MadeTar, "kept"> {
    if (!place || !this.#memory) return {};
    const bytes = new Uint8Array(this.#memory, place.start, place.length);
    const release = (): void => {
      this.#send({ kind: "release", id });
    };
    return { kept: { bytes, release } };
  }

  #fail(cause: unknown): void {
    const error = new LaminixError("ERR_INTERNAL", "a thread that makes layers stopped", { cause });
    for (const job of this.jobs.values()) job.reject(error);
    this.jobs.clear();
  }
}

/** Threads start when there is work, end some time after the last of it, and never keep the process alive idle. */
export class TarPool {
  readonly #size: number;
  /** Bytes that each thread may keep. */
  readonly #keeps: number;
  readonly #waiting: Job[] = [];
  readonly #narTurns = new Turns(NARS_AT_ONCE);
  #threads: Thread[] = [];
  #nextId = 1;

  /** @param jobs how many threads at the most; unless given, one for each core up to four */
  constructor(jobs: number = Math.min(availableParallelism(), DEFAULT_THREADS)) {
    this.#size = Math.max(1, jobs);
    this.#keeps = Math.floor(KEPT / this.#size);
  }

  /**
   * Digest, size and fingerprint of a layer's tar. Layers are begun in the order in which they are asked for, but for
   * the largest: one of several threads begins with these, so that none is left for the end. A layer with NARs is
   * hashed in this thread, where they come in.
   * @throws {LaminixError} ERR_FILE_CHANGED, ERR_FILE_READ, ERR_FILE_TYPE; ERR_NAR, ERR_NAR_HASH, ERR_FILE_WRITE
   */
  async hash(layer: LayerTar, { signal, keep = false, weight = 0 }: HashOptions = {}): Promise<MadeTar> {
    signal?.throwIfAborted();
    if (!isOnDisk(layer)) {
      return abortable(
        this.#narTurns.take(() => hashLayerTar(layer, { signal })),
        signal,
      );
    }
    const id = this.#nextId++;
    const made = new Promise<MadeTar>((resolve, reject) => {
      this.#waiting.push({ id, layer, keep, weight, resolve, reject });
    });
    this.#share();
    const forget = onAbort(signal, () => {
      this.#stop(id);
    });
    return abortable(made, signal).finally(forget);
  }

  #share(): void {
    while (this.#waiting.length > 0) {
      const thread = this.#leastBusy();
      if (thread.jobs.size >= AHEAD) return;
      const [job] = this.#waiting.splice(this.#nextFor(thread), 1);
      if (job) thread.give(job);
    }
  }

  /** The first, but for one of several threads: that one begins with what is too large to be kept anyway. */
  #nextFor(thread: Thread): number {
    if (this.#size === 1 || thread !== this.#threads[1]) return 0;
    const at = heaviest(this.#waiting);
    return (this.#waiting[at]?.weight ?? 0) > this.#keeps ? at : 0;
  }

  #stop(id: number): void {
    const at = this.#waiting.findIndex((job) => job.id === id);
    if (at >= 0) this.#waiting.splice(at, 1);
    else this.#threads.find((thread) => thread.jobs.has(id))?.stop(id);
  }

  /** Starts the threads that are going to be needed, so that they are there by then. */
  warmUp(): void {
    while (this.#threads.length < this.#size) this.#add().rest();
  }

  #leastBusy(): Thread {
    const least = this.#threads.toSorted((one, other) => one.jobs.size - other.jobs.size)[0];
    if (least && (least.jobs.size === 0 || this.#threads.length >= this.#size)) return least;
    return this.#add();
  }

  #add(): Thread {
    const thread = new Thread(
      this.#keeps,
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

/** Where the heaviest is; the first of equals. */
function heaviest(jobs: readonly Job[]): number {
  return jobs.reduce((best, { weight }, at) => (weight > (jobs[best]?.weight ?? 0) ? at : best), 0);
}

function revive({ code, message, hint, details, cause }: PlainError): LaminixError {
  return new LaminixError(code, message, { details, ...(hint && { hint }), ...(cause && { cause }) });
}
