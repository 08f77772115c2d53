/** What a piece of work has opened, closed together. */
export class Opened implements AsyncDisposable {
  readonly #resources: (Disposable | AsyncDisposable)[] = [];

  /** @returns the same */
  add<T extends Disposable | AsyncDisposable | undefined>(resource: T): T {
    if (resource) this.#resources.push(resource);
    return resource;
  }

  /** Hands over all that is open: it is closed with what is returned, and no longer with this. */
  moved(): Opened {
    const other = new Opened();
    other.#resources.push(...this.#resources.splice(0));
    return other;
  }

  /** The last first, and all of it: rejects with the first failure. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (let last = this.#resources.pop(); last; last = this.#resources.pop()) {
      try {
        if (Symbol.asyncDispose in last) await last[Symbol.asyncDispose]();
        else last[Symbol.dispose]();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
