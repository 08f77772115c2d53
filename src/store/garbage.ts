/** Garbage collection. */
import { requireCount, requireOneOf } from "../arguments.js";
import type { Connections } from "./connections.js";
import type { StorePath } from "./storePath.js";
import { work, type WorkOptions } from "./work.js";

const ACTIONS = { "return-live": 0, "return-dead": 1, "delete-dead": 2, "delete-specific": 3 } as const;

export interface GarbageOptions extends WorkOptions {
  /** Nix's names; `delete-dead` unless given. `delete-specific` is for `paths`, and fails if one of them is alive. */
  readonly action?: keyof typeof ACTIONS;
  readonly paths?: readonly string[];
  /** Bytes after which no more is deleted; no limit unless given. */
  readonly maxFreed?: number;
}

export interface Garbage {
  /** Deleted, or those that were asked for. */
  readonly paths: readonly StorePath[];
  readonly bytesFreed: number;
}

export interface Root {
  /** The link that is the root, or `{censored}`, or what of a process refers to the path. */
  readonly link: string;
  readonly path: StorePath;
}

/** A root, and how it keeps a path alive. */
export interface KeepingRoot extends Root {
  /** From the root's own path to the path: each references the next. */
  readonly chain: readonly StorePath[];
}

const NO_LIMIT = 0xffff_ffff_ffff_ffffn;

export async function collectGarbage(connections: Connections, options: GarbageOptions): Promise<Garbage> {
  const { action = "delete-dead", paths = [], maxFreed } = options;
  requireOneOf(action, Object.keys(ACTIONS) as (keyof typeof ACTIONS)[], "options.action");
  if (maxFreed !== undefined) requireCount(maxFreed, "options.maxFreed");
  const request = { action: ACTIONS[action], paths, maxFreed: maxFreed ?? NO_LIMIT };
  connections.dropIdle();
  return await work(connections, "collectGarbage", request, options);
}
