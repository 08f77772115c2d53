import type { CallOptions } from "./connection.js";
import type { StoreOptions } from "./daemonStore.js";
import { NixStore } from "./nixStore.js";

/**
 * Opens a store and connects to it.
 * @param url `auto`, `daemon`, `unix:///path/to/socket` or `ssh-ng://host`, with Nix's parameters
 * @throws {LaminixError} ERR_STORE_URL, ERR_ADDON_MISSING, ERR_NO_DAEMON, ERR_DAEMON_TIMEOUT, ERR_DAEMON_PROTOCOL
 */
export async function openStore(url = "auto", options: CallOptions & StoreOptions = {}): Promise<NixStore> {
  const store = new NixStore(url, options);
  try {
    await store.storeDir(options);
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}
