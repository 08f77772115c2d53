/** Abort signals, heard by many at once. */

const heard = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls back when the signal aborts, at once if it has. However many ask, the signal has one listener.
 * @returns stops listening
 */
export function onAbort(signal: AbortSignal | undefined, callback: () => void): () => void {
  if (!signal) return () => undefined;
  if (signal.aborted) {
    callback();
    return () => undefined;
  }
  let callbacks = heard.get(signal);
  if (!callbacks) {
    const all = (callbacks = new Set());
    heard.set(signal, all);
    signal.addEventListener("abort", () => {
      for (const each of all) each();
    });
  }
  callbacks.add(callback);
  return () => callbacks.delete(callback);
}

/** Settles as the promise does, or rejects with the signal's reason if that comes first. */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  let stop: (() => void) | undefined;
  try {
    return await new Promise<T>((resolve, reject) => {
      stop = onAbort(signal, () => {
        reject(signal.reason as Error);
      });
      promise.then(resolve, reject);
    });
  } finally {
    stop?.();
  }
}

/** What a source brings, until the signal aborts: then the signal's reason, whatever the source is waiting for. */
export async function* abortableItems<T>(
  source: Iterable<T> | AsyncIterable<T>,
  signal: AbortSignal,
): AsyncGenerator<T, void, void> {
  const iterator =
    Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  let ended = false;
  try {
    for (;;) {
      const next = await abortable(Promise.resolve(iterator.next()), signal);
      if (next.done) break;
      yield next.value;
    }
    ended = true;
  } finally {
    // Not waited for: a source that does not answer may not answer this either.
    if (!ended) void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}

/** A signal of one's own for a piece of work, and the end of that work: whatever still listens then is told to stop. */
export interface AbortScope extends Disposable {
  readonly signal: AbortSignal;
  abort(reason: unknown): void;
}

/** It aborts when one of the others does. `AbortSignal.any` would hold on to signals that outlive the work. */
export function abortScope(...signals: readonly (AbortSignal | undefined)[]): AbortScope {
  const controller = new AbortController();
  const forgets = signals.map((each) =>
    onAbort(each, () => {
      controller.abort(each?.reason);
    }),
  );
  return {
    signal: controller.signal,
    abort: (reason) => {
      controller.abort(reason);
    },
    [Symbol.dispose]: () => {
      for (const forget of forgets) forget();
      controller.abort();
    },
  };
}
