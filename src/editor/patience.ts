/** Waiting for no longer than somebody who looks at a screen does. */
import { setTimeout as sleep } from "node:timers/promises";

/** What the promise brings; `undefined` if it takes longer than so many milliseconds. A failure that comes later is nobody's. */
export async function within<T>(promise: Promise<T>, milliseconds: number): Promise<T | undefined> {
  const timer = new AbortController();
  promise.catch(() => undefined);
  try {
    return await Promise.race([
      promise,
      sleep(milliseconds, undefined, { signal: timer.signal }).catch(() => undefined),
    ]);
  } finally {
    timer.abort();
  }
}
