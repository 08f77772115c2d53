/** How an image is built, whichever it is. */
import { checkGiven, requireCount, requireFunction, requireMethods, requireOptions } from "../arguments.js";
import { ArgumentError } from "../errors.js";
import { DigestCache } from "../image/digestCache.js";
import type { OnProgress } from "./progress.js";
import type { Registries } from "../transports/registry/registries.js";
import type { StoreSource } from "./source.js";

export interface BuildOptions {
  /** Where the store paths are; the default store unless given. */
  readonly store?: StoreSource | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** Threads that hash layers, at the most; one for each core unless given. */
  readonly jobs?: number | undefined;
  /** How registries are asked, of a base in one; by this process's environment unless given. */
  readonly registries?: Registries | undefined;
  /** Remembers what layers hash to; `false` for none. */
  readonly cache?: DigestCache | false | undefined;
}

/** @throws {ArgumentError} ERR_ARGUMENT */
export function checkBuildOptions(options: BuildOptions): void {
  requireOptions(options);
  checkGiven(options, "options", {
    store: (value, argument) => {
      requireMethods(value, ["storeDir", "closure", "open"], "a store", argument);
    },
    onProgress: requireFunction,
    jobs: (value, argument) => {
      requireCount(value, argument);
      if (value === 0) throw new ArgumentError(argument, "a whole number from 1 up", value);
    },
    cache: (value, argument) => {
      if (value !== false && !(value instanceof DigestCache))
        throw new ArgumentError(argument, "a DigestCache or false", value);
    },
  });
}
