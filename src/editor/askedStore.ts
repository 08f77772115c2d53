/** The store that questions go to, opened when it is first asked. */
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
  return new NixStore(url, { closureMemory: CLOSURE_MEMORY });
}

/** A binary cache knows neither referrers, nor roots, nor all of its paths. */
export function isDaemon(store: AskedStore): store is NixStore {
  return "referrers" in store;
}
