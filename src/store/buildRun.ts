/** A build on its way: a promise of its results, and its events one after another. */
import type { BuildResult } from "./builds.js";
import type { StoreEvent } from "./events.js";

/**
 * Await it for the results, iterate it for what happens meanwhile; both at once if wanted. Events are kept for an
 * iterator only from when it is asked for; a build that fails ends the iteration with its error.
 */
export class BuildRun implements PromiseLike<BuildResult[]>, AsyncIterable<StoreEvent> {
  readonly #results: Promise<BuildResult[]>;
  readonly #listeners = new Set<(event: StoreEvent) => void>();

  constructor(start: (onEvent: (event: StoreEvent) => void) => Promise<BuildResult[]>) {
    this.#results = start((event) => {
      for (const listener of this.#listeners) listener(event);
    });
  }

  then<A = BuildResult[], B = never>(
    onFulfilled?: ((results: BuildResult[]) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#results.then(onFulfilled, onRejected);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<StoreEvent> {
    const events: StoreEvent[] = [];
    const state = { ended: false, wake: (): void => undefined };
    const listener = (event: StoreEvent): void => {
      events.push(event);
      state.wake();
    };
    const end = (): void => {
      state.ended = true;
      state.wake();
    };
    this.#listeners.add(listener);
    this.#results.then(end, end);
    try {
      for (;;) {
        const event = events.shift();
        if (event) yield event;
        else if (state.ended) break;
        else await new Promise<void>((resolve) => (state.wake = resolve));
      }
      await this.#results;
    } finally {
      this.#listeners.delete(listener);
    }
  }
}
