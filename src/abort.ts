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

/** What a source gives, until the signal aborts: then it rejects with the signal's reason, and the source is let go. */
export async function* untilAborted<T>(
  source: AsyncIterable<T>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T> {
  signal?.throwIfAborted();
  const iterator = source[Symbol.asyncIterator]();
  let state: "waiting" | "holding" | "ended" = "holding";
  try {
    for (;;) {
      state = "waiting";
      const next = await abortable(iterator.next(), signal);
      if (next.done) {
        state = "ended";
        return;
      }
      state = "holding";
      yield next.value;
      signal?.throwIfAborted();
    }
  } finally {
    if (state === "holding") await iterator.return?.();
    // One that does not answer would not answer this either.
    if (state === "waiting") iterator.return?.().catch(() => undefined);
  }
}
