/** A store's directory, which the protocol has no question for. */
import { abortable } from "../abort.js";
import { LaminixError } from "../errors.js";
import type { CallOptions } from "./connection.js";
import type { Connections } from "./connections.js";
import type { StoreLocation } from "./location.js";
import { checkStoreDir, storeDirOf } from "./storePath.js";

/** Learned once. */
export class StoreDirectory {
  #learning: Promise<string> | undefined;

  /**
   * @param near a path that may be in the store
   * @throws {LaminixError} ERR_STORE_DIR_UNKNOWN
   */
  async learn(
    connections: Connections,
    location: StoreLocation,
    near: string | undefined,
    options: CallOptions,
  ): Promise<string> {
    // Shared by all who ask meanwhile, so one caller's signal must not end it for the others.
    const learning = (this.#learning ??= ask(connections, location, near));
    learning.catch(() => {
      if (this.#learning === learning) this.#learning = undefined;
    });
    return abortable(learning, options.signal);
  }
}

/** A candidate is confirmed by a path that is not there: only a daemon whose store is elsewhere refuses it. */
async function ask(
  connections: Connections,
  location: StoreLocation,
  near: string | undefined,
): Promise<string> {
  const { NIX_STORE_DIR, NIX_STORE } = process.env;
  const fromPath = near === undefined ? undefined : storeDirOf(near);
  const configured = location.storeDir ?? fromPath ?? NIX_STORE_DIR ?? NIX_STORE;
  const candidates = [...new Set([checkStoreDir(configured ?? "/nix/store"), "/nix/store"])];
  for (const [i, dir] of candidates.entries()) {
    try {
      await connections.ask("isValidPath", { path: `${dir}/${"0".repeat(32)}-x` });
      return dir;
    } catch (error) {
      if (!(error instanceof LaminixError) || error.code !== "ERR_DAEMON") throw error;
      await connections.retire(); // a daemon that refuses an argument hangs up
    }
    if (i > 0) continue;
    const [first] = await connections.ask("allValidPaths", {});
    if (first !== undefined) return first.slice(0, first.lastIndexOf("/"));
  }
  throw new LaminixError(
    "ERR_STORE_DIR_UNKNOWN",
    `the store of ${location.url} is empty, and not at ${candidates.join(" or ")}`,
    { hint: "say where it is with ?store=/its/folder in the store's URL, or NIX_STORE_DIR" },
  );
}
