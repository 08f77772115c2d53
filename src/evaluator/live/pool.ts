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
  /** @param signal gives it up */
  start(signal: AbortSignal): Promise<Session>;
  /** What a session should have evaluated before it is needed. */
  warmUp(): readonly Question[];
}

/** Milliseconds before a spare session is made: a script that asks little has ended by then. */
const DELAY = 100;

export class Pool {
  readonly #options: PoolOptions;
  /** Those that questions are given to. */
  #slots: Slot[] = [];
  #starting = 0;
  #queue: Job[] = [];
  #spare: Slot | undefined;
  /** Whether there is anything that a spare session would know and the one at hand, if any, does not. */
  #isSpareDue = true;
  #isMakingSpare = false;
  #spareTimer: NodeJS.Timeout | undefined;
  /** All that live: also those that are warming up, and those that reload has replaced and that still answer. */
  readonly #all = new Set<Slot>();
  readonly #opening = new Set<Promise<Session>>();
  readonly #ending = new Set<Promise<void>>();
  readonly #closed = new AbortController();

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  submit(job: Job): void {
    const stopped = [this.#closed.signal, job.signal].find((signal) => signal?.aborted);
    if (stopped) {
      job.reject(stopped.reason);
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
    this.#slots = [];
    this.#spare = undefined;
    this.#isSpareDue = true;
    for (const slot of this.#all) if (!slot.job) this.#end(slot);
    this.#dispatch();
  }

  /** What the free sessions have is what they need: to be told after a root has been loaded. */
  settle(): void {
    for (const slot of this.#slots) if (slot.isFree) slot.settle();
    this.#isSpareDue = true;
    this.#makeSpareSoon();
  }

  /** @param reason what waits is rejected with */
  async close(reason: unknown): Promise<void> {
    this.#closed.abort(reason);
    clearTimeout(this.#spareTimer);
    for (const job of this.#queue.splice(0)) job.reject(reason);
    for (const slot of this.#all) {
      slot.job?.reject(reason);
      this.#end(slot);
    }
    await Promise.allSettled(this.#opening);
    await Promise.all(this.#ending);
  }

  get #isClosed(): boolean {
    return this.#closed.signal.aborted;
  }

  /** The same job, which ends when its signal aborts, and then stops listening. */
  #stoppable(job: Job): Job {
    const stopListening = onAbort(job.signal, () => {
      this.#giveUp(mine, job.signal?.reason);
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
  #giveUp(job: Job, reason: unknown): void {
    job.reject(reason);
    this.#queue = this.#queue.filter((each) => each !== job);
    for (const slot of this.#all) if (slot.job === job) this.#replace(slot);
  }

  #dispatch(): void {
    if (this.#isClosed) return;
    // They may have ended while they had nothing to do.
    for (const slot of this.#slots) if (!slot.session.isAlive) this.#end(slot);
    if (this.#spare?.session.isAlive === false) this.#end(this.#spare);
    const waiting: Job[] = [];
    for (const job of this.#queue.splice(0)) {
      if (job.session && !this.#slots.some(({ session }) => session === job.session)) {
        job.reject(stale());
        continue;
      }
      const slot =
        this.#slots.find((each) => each.isFree && (!job.session || each.session === job.session)) ??
        (job.session ? undefined : this.#takeSpare());
      if (slot) this.#run(slot, job);
      else waiting.push(job);
    }
    this.#queue.push(...waiting);
    const unbound = waiting.filter(({ session }) => !session).length;
    while (this.#hasPlace && this.#starting < unbound) this.#add();
  }

  get #hasPlace(): boolean {
    return this.#slots.length + this.#starting < this.#options.workers;
  }

  #run(slot: Slot, job: Job): void {
    void slot
      .run(job, (error) => {
        this.#giveUp(job, error);
      })
      .then(() => {
        if (!this.#slots.includes(slot) || !slot.session.isAlive) this.#end(slot);
        else if (slot.isWorn) this.#retire(slot);
        this.#dispatch();
        this.#makeSpareSoon();
      });
  }

  /** Ends a session, and has another one in its place. */
  #replace(slot: Slot): void {
    this.#end(slot);
    // What it alone could have answered is told so.
    this.#dispatch();
    if (this.#hasPlace && !this.#spare) this.#add();
  }

  #takeSpare(): Slot | undefined {
    const spare = this.#spare;
    if (!spare || !this.#hasPlace) return undefined;
    this.#spare = undefined;
    this.#isSpareDue = true;
    this.#slots.push(spare);
    return spare;
  }

  #add(): void {
    if (this.#isClosed) return;
    this.#starting++;
    this.#open().then(
      (slot) => {
        this.#starting--;
        this.#slots.push(slot);
        this.#dispatch();
      },
      (error: unknown) => {
        this.#starting--;
        // Nothing else would answer those that wait.
        if (this.#slots.length + this.#starting === 0) {
          for (const job of this.#queue.splice(0)) job.reject(error);
        }
      },
    );
  }

  async #open(): Promise<Slot> {
    const opening = this.#options.start(this.#closed.signal);
    this.#opening.add(opening);
    try {
      const slot = new Slot(await opening, this.#options.memoryLimit);
      this.#all.add(slot);
      if (!this.#isClosed) return slot;
      this.#end(slot);
      throw this.#closed.signal.reason;
    } finally {
      this.#opening.delete(opening);
    }
  }

  /** In the place of one that still works, so without haste. */
  #retire(slot: Slot): void {
    if (this.#options.hasSpare && !this.#spare && !slot.isFull) {
      this.#isSpareDue = true;
      return; // until there is one
    }
    this.#replace(slot);
  }

  #makeSpareSoon(): void {
    if (!this.#options.hasSpare || this.#isClosed || this.#spareTimer || !this.#isSpareDue) return;
    this.#spareTimer = setTimeout(() => {
      this.#spareTimer = undefined;
      // The next question will be told why none starts.
      void this.#makeSpare().catch(() => undefined);
    }, DELAY).unref();
  }

  async #makeSpare(): Promise<void> {
    if (this.#isMakingSpare) return;
    this.#isMakingSpare = true;
    this.#isSpareDue = false;
    try {
      const slot = this.#spare ?? (await this.#open());
      this.#spare = undefined;
      await slot.warm(this.#options.warmUp());
      // What reload or close has done away with has ended.
      if (slot.session.isAlive) this.#spare = slot;
      else this.#end(slot);
    } finally {
      this.#isMakingSpare = false;
      // A root may have been loaded since.
      this.#makeSpareSoon();
    }
  }

  /** Ends a session, once, wherever it is. */
  #end(slot: Slot): void {
    this.#slots = this.#slots.filter((each) => each !== slot);
    if (this.#spare === slot) {
      this.#spare = undefined;
      this.#isSpareDue = true;
    }
    if (!this.#all.delete(slot)) return;
    const ending = slot.session.end().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }
}

export function stale(): LaminixError {
  return new LaminixError("ERR_EVALUATOR_STALE", "the process that held this value has ended", {
    hint: "call the function again: results of calls are lost when a question is given up, when a process has grown, and by reload",
  });
}

function busy(maxQueued: number): LaminixError {
  return new LaminixError("ERR_EVALUATOR_BUSY", `more than ${String(maxQueued)} questions are waiting`, {
    details: { maxQueued },
    hint: "ask many at once with all(), or wait for answers before asking on",
  });
}
