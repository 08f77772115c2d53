/** Long work in this thread, with turns for the rest of the process. */
import { setImmediate as nextTurn } from "node:timers/promises";

/** Steps between two looks at the clock. */
const STEPS = 8;
/** Milliseconds between two pauses: signals are heard soon, and pausing costs little beside the work. */
const STRETCH = 20;

export class Pauses {
  readonly #signal: AbortSignal | undefined;
  #steps = 0;
  #last = performance.now();

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
  }

  /** To be asked at every step; asking costs less than awaiting. */
  isDue(): boolean {
    return ++this.#steps % STEPS === 0 && performance.now() - this.#last > STRETCH;
  }

  /** Lets the rest of the process have its turn. Rejects with the signal's reason when it has aborted. */
  async take(): Promise<void> {
    await nextTurn();
    this.#last = performance.now();
    this.#signal?.throwIfAborted();
  }
}
