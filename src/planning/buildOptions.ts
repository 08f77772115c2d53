/** How an image is built, whichever it is. */
import {
  checkGiven,
  keysOf,
  requireBoolean,
  requireCount,
  requireFunction,
  requireKnown,
  requireMethods,
  requireOneOf,
  requireOptions,
  requireString,
} from "../arguments.js";
import { ArgumentError } from "../errors.js";
import { DigestCache } from "../image/digestCache.js";
import { type Destination, requireDestination } from "./destination.js";
import { ACCELERATIONS, ISOLATIONS, type RootScriptOptions } from "../vm/rootScript.js";
import type { OnProgress, Progress } from "../progress.js";
import type { Registries } from "../transports/registry/registries.js";
import { requireUnpackable, type UnpackBudget } from "../transports/unpackBudget.js";
import type { StoreSource } from "../store/storeSource.js";

export interface BuildOptions {
  /** The store of the paths; default: `nixStore`. */
  readonly store?: StoreSource | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** Threads that hash layers, at the most; one for each core unless given. */
  readonly jobs?: number | undefined;
  /** How registries are asked, of a base or previous images in one; by this process's environment unless given. */
  readonly registries?: Registries | undefined;
  /** The most bytes of images in temporary files, in all; default: 64 GiB. */
  readonly maxUnpacked?: number | UnpackBudget | undefined;
  /** The cache of layer digests; `false` for none. */
  readonly cache?: DigestCache | false | undefined;
  /** How a script that the spec has in `runAsRoot` is run. */
  readonly runAsRoot?: RootScriptOptions | undefined;
  /**
   * Where the image is to go. The image that is there now is the previous one, in place of the spec's `previous`; without
   * one, this is the first of those that follow. For the strategy `balanced`.
   */
  readonly previousAt?: Destination | undefined;
}

export const BUILD_KEYS = keysOf<BuildOptions>({
  ...{ store: true, signal: true, onProgress: true, jobs: true, registries: true, maxUnpacked: true },
  ...{ cache: true, runAsRoot: true, previousAt: true },
});

const ROOT_SCRIPT_KEYS = keysOf<RootScriptOptions>({
  ...{ isolation: true, timeLimit: true, network: true, kernel: true, busybox: true, acceleration: true },
});

/** What is heeded where layers are planned and no more. */
export type PlanningOptions = Pick<
  BuildOptions,
  "store" | "signal" | "onProgress" | "registries" | "maxUnpacked"
>;

export const PLANNING_KEYS = keysOf<PlanningOptions>({
  ...{ store: true, signal: true, onProgress: true, registries: true, maxUnpacked: true },
});

/** How images are opened that a spec names. */
export interface OpeningOptions extends Pick<BuildOptions, "signal" | "registries" | "maxUnpacked"> {
  readonly progress: Progress;
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
    maxUnpacked: requireUnpackable,
    runAsRoot: (value, argument) => {
      requireOptions(value, argument);
      requireKnown(value, ROOT_SCRIPT_KEYS, argument);
      checkGiven(value, argument, {
        isolation: (given, at) => {
          requireOneOf(given, ISOLATIONS, at);
        },
        timeLimit: (given, at) => {
          requireCount(given, at);
        },
        network: requireBoolean,
        kernel: requireString,
        busybox: requireString,
        acceleration: (given, at) => {
          requireOneOf(given, ACCELERATIONS, at);
        },
      });
    },
    previousAt: requireDestination,
    cache: (value, argument) => {
      if (value !== false && !(value instanceof DigestCache))
        throw new ArgumentError(argument, "a DigestCache or false", value);
    },
  });
}

export function digestCacheOf({ cache }: Pick<BuildOptions, "cache">): DigestCache | undefined {
  return cache === false ? undefined : (cache ?? new DigestCache());
}
