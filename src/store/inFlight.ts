/** Questions on their way, so that the same one is not asked twice at a time. */
import { abortable } from "../abort.js";

interface Question {
  readonly answer: Promise<unknown>;
  readonly controller: AbortController;
  askers: number;
}

export class InFlight {
  readonly #questions = new Map<string, Question>();

  /**
   * The answer to a question: the one that is awaited already, or what `start` brings. One who aborts leaves the
   * others; when the last one has, the question itself is aborted.
   * @param key the same for the same question only
   */
  async share<T>(
    key: string,
    start: (signal: AbortSignal) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    signal?.throwIfAborted();
    const question = this.#questions.get(key) ?? this.#begin(key, start);
    question.askers++;
    try {
      return (await abortable(question.answer, signal)) as T;
    } finally {
      if (--question.askers === 0) {
        this.#forget(key, question);
        question.controller.abort();
      }
    }
  }

  /** What is asked from now on is asked anew: the store may have changed. */
  renew(): void {
    this.#questions.clear();
  }

  #begin(key: string, start: (signal: AbortSignal) => Promise<unknown>): Question {
    const controller = new AbortController();
    const answer = start(controller.signal);
    const question: Question = { answer, controller, askers: 0 };
    this.#questions.set(key, question);
    const settled = (): void => {
      this.#forget(key, question);
    };
    answer.then(settled, settled);
    return question;
  }

  #forget(key: string, question: Question): void {
    if (this.#questions.get(key) === question) this.#questions.delete(key);
  }
}
