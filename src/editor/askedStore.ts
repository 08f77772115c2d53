/** The store that questions go to. */
import type { BinaryCacheStore } from "../store/binaryCache/binaryCacheStore.js";
import type { NixStore } from "../store/nixStore.js";

export type AskedStore = NixStore | BinaryCacheStore;

/** Bytes. The server has 100 MB in all. */
const CLOSURE_MEMORY = 12 * 2 ** 20;

/** @param url as `--store` takes it @throws {LaminixError} ERR_STORE_URL */
export async function openAskedStore(url: string): Promise<AskedStore> {
  if (/^(file|https?):\/\//.test(url)) {
    const { BinaryCacheStore } = await import("../store/binaryCache/binaryCacheStore.js");
    return new BinaryCacheStore(url);
  }
  const { NixStore } = await import("../store/nixStore.js");
  const store = new NixStore(url, { closureMemory: CLOSURE_MEMORY });
  // Connected to at once, that the first question need not wait for it; another machine is reached when it is asked.
  if (!/^ssh(-ng)?:\/\//.test(url)) store.storeDir().catch(() => undefined);
  return store;
}

/** A binary cache knows neither referrers, nor roots, nor all of its paths. */
export function isDaemon(store: AskedStore): store is NixStore {
  return "referrers" in store;
}
