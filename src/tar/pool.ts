/** The threads that make layer tars. */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { abortable, onAbort } from "../abort.js";
import { LaminixError } from "../errors.js";
import type { LayerTar } from "./layerTar.js";
import type { PlainError, Reply, Request, TarSummary, WorkerData } from "./messages.js";

/** Layers handed to a thread in advance, so that it need not wait for this thread to have a moment. */
const AHEAD = 4;
/** Milliseconds that a thread without work is kept. */
const IDLE = 500;
/** More threads than this find the disk, or the memory's bandwidth, used up by the others. */
const DEFAULT_THREADS = 4;
/** Bytes of tars that wait to be read, in all threads together. */
const KEPT = 24 << 20;

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
  readonly layer: LayerTar;
  readonly keep: boolean;
  readonly weight: number;
  resolve(made: MadeTar): void;
  reject(error: unknown): void;
}

/** One thread and the jobs it was given. */
class Thread {
  readonly jobs = new Map<number, Job>();
  /** Takes the heaviest job first, rather than the first. */
  readonly beginsWithLargest: boolean;
  readonly #worker: Worker;
  readonly #onFree: () => void;
  #memory: SharedArrayBuffer | undefined;
  #idle: NodeJS.Timeout | undefined;

  /** @param keeps bytes of tars that may wait in this thread; none for one that begins with the largest */
  constructor(keeps: number, onFree: () => void, onEnd: (thread: Thread) => void) {
    this.beginsWithLargest = keeps === 0;
    this.#onFree = onFree;
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
    const { id, layer } = job;
    this.#send({ kind: "make", id, layer, keep: job.keep && !this.beginsWithLargest });
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
    if (this.jobs.size > 0) return;
    this.#worker.unref();
    this.#idle = setTimeout(() => void this.#worker.terminate(), IDLE).unref();
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
  readonly #waiting: Job[] = [];
  #threads: Thread[] = [];
  #nextId = 1;

  /** @param jobs how many threads at the most; unless given, one for each core up to four */
  constructor(jobs: number = Math.min(availableParallelism(), DEFAULT_THREADS)) {
    this.#size = Math.max(1, jobs);
  }

  /**
   * Digest, size and fingerprint of a layer's tar. Layers are begun in the order in which they are asked for, but for
   * the largest: one of several threads begins with these, so that none is left for the end.
   * @throws {LaminixError} ERR_FILE_CHANGED, ERR_FILE_READ, ERR_FILE_TYPE
   */
  async hash(layer: LayerTar, { signal, keep = false, weight = 0 }: HashOptions = {}): Promise<MadeTar> {
    signal?.throwIfAborted();
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
      const at = thread.beginsWithLargest ? heaviest(this.#waiting) : 0;
      const [job] = this.#waiting.splice(at, 1);
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
    // The second of several begins with the largest layers and keeps nothing; the others share the memory.
    const roles = new Set(this.#threads.map((each) => each.beginsWithLargest));
    const beginsWithLargest = this.#size > 1 && roles.has(false) && !roles.has(true);
    const thread = new Thread(
      beginsWithLargest ? 0 : Math.floor(KEPT / Math.max(1, this.#size - 1)),
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
