/** Long work in this thread, with turns for the rest of the process. */
import { setImmediate as nextTurn } from "node:timers/promises";

/** Steps between two pauses: a few milliseconds of work on names. */
const STEPS = 1000;

export class Pauses {
  readonly #signal: AbortSignal | undefined;
  #steps = 0;

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
  }

  /** To be asked at every step; asking costs less than awaiting. */
  isDue(): boolean {
    return ++this.#steps % STEPS === 0;
  }

  /** Lets the rest of the process have its turn. Rejects with the signal's reason when it has aborted. */
  async take(): Promise<void> {
    await nextTurn();
    this.#signal?.throwIfAborted();
  }
}
