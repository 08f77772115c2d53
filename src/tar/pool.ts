/** The threads that make layer tars. */
import { availableParallelism } from "node:os";
import { abortable, onAbort } from "../abort.js";
import { threadScript } from "../process/ownFile.js";
import { type Thread, Threads } from "../threads/threads.js";
import { Turns } from "../threads/turns.js";
import { isOnDisk, type LayerTar } from "./layerTar.js";
import type { TarNotice, TarResult, TarSummary, TarTask, WorkerData } from "./messages.js";
import { hashLayerTar } from "./read.js";

/** Layers handed to a thread in advance, so that it need not wait for this thread to have a moment. */
const AHEAD = 2;
/** More threads than this, or than cores, find the disk or the memory's bandwidth used up by the others; each takes 10 MiB. */
const MOST_THREADS = Math.min(4, availableParallelism());
/** Bytes of tars that wait to be read, in all threads together. */
const KEPT = 16 << 20;
/** Layers with NARs that are hashed at once: while one waits for its source there is another to hash. */
const NARS_AT_ONCE = 4;

export interface HashOptions {
  readonly signal?: AbortSignal | undefined;
  /** Keeps the bytes of a small layer, for they will be read soon and in the order in which layers are asked for. */
  readonly keep?: boolean;
  /** About how many bytes the layer has, where that is known: a thread begins with the largest. */
  readonly weight?: number | undefined;
  /** Called with the bytes so far, several times a second at the most. */
  readonly onHashed?: ((bytes: number) => void) | undefined;
}

/** A tar that was made, and perhaps its bytes. */
export interface MadeTar extends TarSummary {
  /** Good until released, which must come soon: other layers wait for the room. */
  readonly kept?: { readonly bytes: Uint8Array; release(): void };
}

interface Job extends TarTask {
  readonly id: number;
  readonly weight: number;
  readonly onHashed: ((bytes: number) => void) | undefined;
  resolve(made: MadeTar): void;
  reject(error: unknown): void;
}

type TarThread = Thread<TarTask, TarResult, TarNotice, WorkerData>;

/** Threads start when there is work, end some time after the last of it, and never keep the process alive idle. */
export class TarPool {
  readonly #size: number;
  /** Bytes that each thread may keep. */
  readonly #keeps: number;
  readonly #waiting: Job[] = [];
  readonly #narTurns = new Turns(NARS_AT_ONCE);
  readonly #threads: Threads<TarTask, TarResult, TarNotice, WorkerData>;
  /** Which thread has a job. */
  readonly #working = new Map<number, TarThread>();
  #nextId = 1;

  /** @param jobs how many threads at the most, if fewer than four and than there are cores */
  constructor(jobs = MOST_THREADS) {
    this.#size = Math.max(1, Math.min(jobs, MOST_THREADS));
    this.#keeps = Math.floor(KEPT / this.#size);
    this.#threads = new Threads({
      script: () => threadScript("tar/worker.js"),
      failure: "a thread that makes layers stopped",
      data: () => ({ memory: new SharedArrayBuffer(this.#keeps) }),
    });
  }

  /**
   * Digest, size and fingerprint of a layer's tar. Layers are begun in the order in which they are asked for, but for
   * the largest: one of several threads begins with these, so that none is left for the end. A layer with NARs is
   * hashed in this thread, where they come in.
   * @throws {LaminixError} ERR_FILE_CHANGED, ERR_FILE_READ, ERR_FILE_TYPE; ERR_NAR, ERR_NAR_HASH, ERR_FILE_WRITE
   */
  async hash(
    layer: LayerTar,
    { signal, keep = false, weight = 0, onHashed }: HashOptions = {},
  ): Promise<MadeTar> {
    signal?.throwIfAborted();
    if (!isOnDisk(layer)) {
      return abortable(
        this.#narTurns.take(() => hashLayerTar(layer, { signal, onHashed })),
        signal,
      );
    }
    const id = this.#nextId++;
    const made = new Promise<MadeTar>((resolve, reject) => {
      this.#waiting.push({ id, layer, keep, weight, onHashed, resolve, reject });
    });
    this.#share();
    const forget = onAbort(signal, () => {
      this.#stop(id);
    });
    return abortable(made, signal).finally(forget);
  }

  #share(): void {
    while (this.#waiting.length > 0) {
      const thread = this.#threads.leastBusy(this.#size);
      if (thread.load >= AHEAD) return;
      const [job] = this.#waiting.splice(this.#nextFor(thread), 1);
      if (job) void this.#give(job, thread);
    }
  }

  async #give(job: Job, thread: TarThread): Promise<void> {
    const { id, layer, keep, onHashed } = job;
    this.#working.set(id, thread);
    try {
      const made = await thread.do(id, { layer, keep }, onHashed);
      if (made) job.resolve({ ...made.summary, ...(made.kept && { kept: keptBy(thread, id, made.kept) }) });
    } catch (error) {
      job.reject(error);
    }
    this.#working.delete(id);
    this.#share();
  }

  /** The first, but for one of several threads: that one begins with what is too large to be kept anyway. */
  #nextFor(thread: TarThread): number {
    if (this.#size === 1 || thread !== this.#threads.all[1]) return 0;
    const at = heaviest(this.#waiting);
    return (this.#waiting[at]?.weight ?? 0) > this.#keeps ? at : 0;
  }

  #stop(id: number): void {
    const at = this.#waiting.findIndex((job) => job.id === id);
    if (at >= 0) this.#waiting.splice(at, 1);
    else this.#working.get(id)?.tell({ kind: "stop", id });
  }

  /** Starts the threads that are going to be needed, so that they are there by then. */
  warmUp(): void {
    while (this.#threads.all.length < this.#size) this.#threads.add().rest();
  }
}

/** Where the heaviest is; the first of equals. */
function heaviest(jobs: readonly Job[]): number {
  return jobs.reduce((best, { weight }, at) => (weight > (jobs[best]?.weight ?? 0) ? at : best), 0);
}

function keptBy(
  thread: TarThread,
  id: number,
  { start, length }: { readonly start: number; readonly length: number },
): MadeTar["kept"] & {} {
  return {
    bytes: new Uint8Array(thread.data.memory, start, length),
    release: () => {
      thread.tell({ kind: "release", id });
    },
  };
}
