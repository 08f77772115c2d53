/** A session at work: one question at a time, watched. */
import { LaminixError } from "../../errors.js";
import type { Question, Session } from "../sessions/session.js";
import { unheard } from "../sessions/session.js";
import type { Job } from "./job.js";

/** Milliseconds between two looks at the memory. */
const LOOK = 50;
/** Names that there had better be room for, and those that a question may need. */
const ROOM = 1000;
const LEAST_ROOM = 200;
/** Milliseconds that a spare session may take to be ready: what takes longer is evaluated when it is asked for. */
const WARM_TIME = 60_000;

export class Slot {
  readonly session: Session;
  readonly #memoryLimit: number;
  /** What it is at, which may be no one's. */
  #isBusy = false;
  job: Job | undefined;
  /** Bytes that it had when it knew all roots. */
  #baseline = 0;

  constructor(session: Session, memoryLimit: number) {
    this.session = session;
    this.#memoryLimit = memoryLimit;
  }

  get isFree(): boolean {
    return !this.#isBusy && this.session.isAlive;
  }

  /** Whether it had better make room for another one: it never gives memory back. */
  get isWorn(): boolean {
    const memory = this.session.memory() ?? 0;
    return this.session.room < ROOM || memory > Math.max(this.#memoryLimit / 2, 2 * this.#baseline);
  }

  /** Whether it cannot wait for another one. */
  get isFull(): boolean {
    return this.session.room < LEAST_ROOM;
  }

  /**
   * Settles when the session has answered, or has ended.
   * @param onStop called with the error where the question has to be stopped
   */
  async run(job: Job, onStop: (error: LaminixError) => void): Promise<void> {
    this.#isBusy = true;
    this.job = job;
    const watch = this.#watchMemory(onStop);
    const timer =
      job.timeout === undefined
        ? undefined
        : setTimeout(() => {
            onStop(outOfTime(job.timeout ?? 0));
          }, job.timeout);
    try {
      job.resolve(await this.session.ask(job.question, job.listener), this.session);
    } catch (error) {
      job.reject(error);
    } finally {
      clearTimeout(timer);
      clearInterval(watch);
      this.#isBusy = false;
      this.job = undefined;
    }
  }

  /** Has it evaluate what will be needed; what fails will be told to whoever asks for it. */
  async warm(questions: readonly Question[]): Promise<void> {
    this.#isBusy = true;
    const stop = () => void this.session.end();
    const watch = this.#watchMemory(stop);
    const timer = setTimeout(stop, WARM_TIME).unref();
    try {
      for (const question of questions) await this.session.ask(question, unheard).catch(() => undefined);
      this.#baseline = this.session.memory() ?? 0;
    } finally {
      clearTimeout(timer);
      clearInterval(watch);
      this.#isBusy = false;
    }
  }

  /** Takes what it has now for what it needs. */
  settle(): void {
    this.#baseline = this.session.memory() ?? 0;
  }

  #watchMemory(onStop: (error: LaminixError) => void): NodeJS.Timeout {
    const timer = setInterval(() => {
      if ((this.session.memory() ?? 0) > this.#memoryLimit) onStop(outOfMemory(this.#memoryLimit));
    }, LOOK);
    return timer.unref();
  }
}

function outOfTime(timeout: number): LaminixError {
  return new LaminixError("ERR_EVALUATION_TIME", `the evaluation took more than ${String(timeout)} ms`, {
    details: { timeout },
    hint: "raise the option timeout",
  });
}

function outOfMemory(memoryLimit: number): LaminixError {
  return new LaminixError(
    "ERR_EVALUATOR_MEMORY",
    `the evaluation took more than ${String(memoryLimit)} bytes of memory`,
    { details: { memoryLimit }, hint: "ask for less at once, or raise the option memoryLimit" },
  );
}
