/**
 * The sessions of an evaluator and the questions that wait for them. A question that is given up takes its session with
 * it, since Nix cannot be stopped otherwise; a spare one, which knows all roots already, takes its place.
 */
import { onAbort } from "../../abort.js";
import { LaminixError } from "../../errors.js";
import type { Question, Session } from "../sessions/session.js";
import type { Job } from "./job.js";
import { Slot } from "./slot.js";

export interface PoolOptions {
  readonly workers: number;
  readonly hasSpare: boolean;
  /** Bytes that a session may have. */
  readonly memoryLimit: number;
  /** Questions that may wait. */
  readonly maxQueued: number;
  start(): Promise<Session>;
  /** What a session should have evaluated before it is needed. */
  warmUp(): readonly Question[];
}

/** Milliseconds before a spare session is made: a script that asks little has ended by then. */
const DELAY = 100;

export class Pool {
  readonly #options: PoolOptions;
  #slots: Slot[] = [];
  #starting = 0;
  #queue: Job[] = [];
  #spare: Slot | undefined;
  #isSpareWarm = false;
  #makingSpare: Promise<void> | undefined;
  #spareTimer: NodeJS.Timeout | undefined;
  /** Counts what reload has done away with. */
  #generation = 0;
  readonly #ending = new Set<Promise<void>>();
  #closed: { readonly reason: unknown } | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  submit(job: Job): void {
    if (this.#closed) {
      job.reject(this.#closed.reason);
      return;
    }
    if (job.signal?.aborted) {
      job.reject(job.signal.reason);
      return;
    }
    if (this.#queue.length >= this.#options.maxQueued) {
      job.reject(busy(this.#options.maxQueued));
      return;
    }
    this.#queue.push(this.#stoppable(job));
    this.#dispatch();
  }

  /** New sessions for all questions from now on; what is being asked is still answered by the old ones. */
  renew(): void {
    this.#generation++;
    const old = this.#slots;
    this.#slots = [];
    for (const slot of old) if (slot.isFree) this.#end(slot);
    if (this.#spare) this.#end(this.#spare);
    this.#spare = undefined;
    this.#makingSpare = undefined;
    this.#dispatch();
  }

  /** What the free sessions have is what they need: to be told after a root has been loaded. */
  settle(): void {
    for (const slot of this.#slots) if (slot.isFree) slot.settle();
    this.#isSpareWarm = false;
    this.#makeSpareSoon();
  }

  /** @param reason what waits is rejected with */
  async close(reason: unknown): Promise<void> {
    this.#closed ??= { reason };
    clearTimeout(this.#spareTimer);
    for (const job of this.#queue.splice(0)) job.reject(this.#closed.reason);
    const slots = [...this.#slots, ...(this.#spare ? [this.#spare] : [])];
    this.#slots = [];
    this.#spare = undefined;
    for (const slot of slots) {
      slot.job?.reject(this.#closed.reason);
      this.#end(slot);
    }
    await Promise.all(this.#ending);
  }

  /** The same job, which ends when its signal aborts, and then stops listening. */
  #stoppable(job: Job): Job {
    const stopListening = onAbort(job.signal, () => {
      this.#stop(mine, job.signal?.reason);
    });
    const mine: Job = {
      ...job,
      resolve: (answer, session) => {
        stopListening();
        job.resolve(answer, session);
      },
      reject: (error) => {
        stopListening();
        job.reject(error);
      },
    };
    return mine;
  }

  /** Gives up a question, whether it waits or is being asked. */
  #stop(job: Job, reason: unknown): void {
    job.reject(reason);
    this.#queue = this.#queue.filter((each) => each !== job);
    const slot = this.#slots.find((each) => each.job === job);
    if (!slot) return;
    this.#remove(slot);
    this.#replace();
  }

  #dispatch(): void {
    if (this.#closed) return;
    const waiting: Job[] = [];
    for (const job of this.#queue.splice(0)) {
      if (job.session && !this.#slots.some(({ session }) => session === job.session && session.isAlive)) {
        job.reject(stale());
        continue;
      }
      const slot = this.#slots.find((each) => each.isFree && (!job.session || each.session === job.session));
      if (slot) this.#run(slot, job);
      else waiting.push(job);
    }
    this.#queue.push(...waiting);
    const unbound = waiting.filter(({ session }) => !session).length;
    while (
      this.#slots.length + this.#starting < this.#options.workers &&
      this.#starting + this.#slots.filter((slot) => slot.isFree).length < unbound
    ) {
      this.#replace();
    }
  }

  #run(slot: Slot, job: Job): void {
    const generation = this.#generation;
    void slot
      .run(job, (error) => {
        job.reject(error);
        this.#remove(slot);
        this.#replace();
      })
      .then(() => {
        if (generation !== this.#generation || !slot.session.isAlive) this.#remove(slot);
        else if (slot.isWorn) this.#retire(slot);
        this.#dispatch();
        this.#makeSpareSoon();
      });
  }

  /** A session in the place of one that is gone: the spare one, or a new one. */
  #replace(): void {
    if (this.#closed) return;
    if (this.#spare?.session.isAlive) {
      this.#slots.push(this.#spare);
      this.#spare = undefined;
      this.#dispatch();
      this.#makeSpareSoon();
      return;
    }
    this.#starting++;
    const generation = this.#generation;
    // One that is being made will be there before another one could be.
    (this.#makingSpare ?? Promise.resolve())
      .then(async () => {
        const spare = this.#spare;
        this.#spare = undefined;
        if (spare?.session.isAlive) return spare;
        return new Slot(await this.#options.start(), this.#options.memoryLimit);
      })
      .then(
        (slot) => {
          this.#starting--;
          if (this.#closed || generation !== this.#generation) this.#end(slot);
          else this.#slots.push(slot);
          this.#dispatch();
        },
        (error: unknown) => {
          this.#starting--;
          // Nothing else would answer those that wait.
          if (this.#slots.length === 0) for (const job of this.#queue.splice(0)) job.reject(error);
        },
      );
  }

  /** In the place of one that still works, so without haste. */
  #retire(slot: Slot): void {
    if (!this.#spare && this.#options.hasSpare) return; // until there is one
    this.#remove(slot);
    this.#replace();
  }

  #makeSpareSoon(): void {
    const isThere = this.#spare && this.#isSpareWarm;
    if (!this.#options.hasSpare || this.#closed || this.#spareTimer || isThere) return;
    this.#spareTimer = setTimeout(() => {
      this.#spareTimer = undefined;
      this.#makeSpare();
    }, DELAY).unref();
  }

  #makeSpare(): void {
    if (this.#makingSpare || this.#closed) return;
    const generation = this.#generation;
    const made = (async () => {
      const slot = this.#spare ?? new Slot(await this.#options.start(), this.#options.memoryLimit);
      this.#spare = undefined;
      this.#isSpareWarm = true;
      await slot.warm(this.#options.warmUp());
      if (this.#closed || generation !== this.#generation || !slot.session.isAlive) this.#end(slot);
      else this.#spare = slot;
    })()
      // The next question will be told why none starts.
      .catch(() => undefined)
      .finally(() => {
        if (this.#makingSpare !== made) return;
        this.#makingSpare = undefined;
        // A root may have been loaded since.
        this.#makeSpareSoon();
      });
    this.#makingSpare = made;
  }

  #remove(slot: Slot): void {
    this.#slots = this.#slots.filter((each) => each !== slot);
    this.#end(slot);
  }

  #end(slot: Slot): void {
    const ending = slot.session.end().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }
}

export function stale(): LaminixError {
  return new LaminixError("ERR_EVALUATOR_STALE", "the value was made by a Nix that has ended", {
    hint: "call the function again: results of calls are lost when a question is given up, and by reload",
  });
}

function busy(maxQueued: number): LaminixError {
  return new LaminixError("ERR_EVALUATOR_BUSY", `more than ${String(maxQueued)} questions are waiting`, {
    details: { maxQueued },
    hint: "ask many at once with all(), or wait for answers before asking on",
  });
}
