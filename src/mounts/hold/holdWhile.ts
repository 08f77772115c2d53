/** Garbage collector roots that live as long as a container. */
import { ArgumentError, named } from "../../errors.js";
import { requireMethods, requireString, requireStrings } from "../../arguments.js";
import { nixStore } from "../../store/defaultStore.js";
import type { NixStore } from "../../store/nixStore.js";
import { type StorePath, storeDirOf, toStorePath } from "../../store/storePath.js";
import type { EngineClient } from "../../transports/engine/client.js";
import { engineHost } from "../../transports/engine/host.js";
import { ContainerHold } from "./containerHold.js";
import { findContainer, noContainer } from "./containers.js";
import {
  type HeldContainer,
  heldFolderOf,
  makeHeldFolder,
  rewritePlan,
  rootsFolder,
  takeBack,
} from "./heldFolder.js";
import { engineIdentity } from "./identity.js";
import { type HeldLink, makeLinks, removeOlder } from "./links.js";
import { checkSweepOptions, sweep, type SweepOptions } from "./sweepHeld.js";

export interface HoldOptions extends SweepOptions {
  /** Its name, its ID, or the beginning of one. It need not run. */
  readonly container: string;
  /** Where the paths are; default: `nixStore`. */
  readonly store?: NixStore | undefined;
}

/**
 * Keeps store paths, and so their closures, from being collected as garbage for as long as a container exists: a container that
 * has stopped can be started again, so the roots are released when it is removed. To hold a container again adds paths to it.
 *
 * The roots of containers that were removed earlier are released first, as `sweepHeld` does.
 * @param paths store paths on this machine, such as the roots of a mount plan
 * @returns what watches the container, and keeps the process alive, until it is closed, the signal aborts, or the container is
 *   removed
 * @throws {LaminixError} ERR_NO_CONTAINER, ERR_PATH_NOT_VALID, ERR_ENGINE_HOST, ERR_ENGINE_UNREACHABLE, ERR_ENGINE where
 *   the engine refuses, ERR_FILE_WRITE, ERR_UNSUPPORTED for a store behind SSH; nothing is left of the roots then
 */
export async function holdWhile(paths: readonly string[], options: HoldOptions): Promise<ContainerHold> {
  checkArguments(paths, options);
  const { signal, engine, host, environment = process.env, state, container, store = nixStore } = options;
  signal?.throwIfAborted();
  const { EngineClient } = await import("../../transports/engine/client.js");
  const client = new EngineClient(engineHost({ engine, host, environment }), { environment });
  const roots = rootsFolder(state, environment);
  try {
    await sweep(client, roots, signal).catch(() => signal?.throwIfAborted());
    const found = await findContainer(client, container, { signal });
    if (!found) throw noContainer(client, container, `has no container ${named(container)}`);
    const held: HeldContainer = {
      engine: client.host.engine,
      host: client.host.name,
      engineId: await engineIdentity(client, signal),
      container: found.id,
      name: found.name,
      paths: await storePathsOf(store, paths, signal),
      created: new Date().toISOString(),
    };
    const links = await hold(client, store, { roots, held, signal });
    return new ContainerHold(client, heldFolderOf(roots, held), { held, links, signal });
  } catch (error) {
    await client[Symbol.asyncDispose]();
    throw error;
  }
}

interface Holding {
  readonly roots: string;
  readonly held: HeldContainer;
  readonly signal: AbortSignal | undefined;
}

/** @returns the links */
async function hold(
  client: EngineClient,
  store: NixStore,
  { roots, held, signal }: Holding,
): Promise<string[]> {
  // Until the links hold them, this does.
  await using _held = await store.tempRoots(held.paths, { signal });
  const folder = await makeHeldFolder(roots, held);
  const made: HeldLink[] = [];
  try {
    makeLinks(folder, held.paths, made);
    for (const { link, path } of made) await store.addRoot(path, link, { signal });
    // It may have been removed meanwhile, and a sweep may have seen that.
    if (!(await findContainer(client, held.container, { signal })))
      throw noContainer(client, held.container, `has removed the container ${held.name}`);
    rewritePlan(roots, held);
  } catch (error) {
    takeBack(folder, made);
    throw error;
  }
  removeOlder(folder, made);
  return made.map(({ link }) => link);
}

async function storePathsOf(
  store: NixStore,
  paths: readonly string[],
  signal: AbortSignal | undefined,
): Promise<StorePath[]> {
  const near = paths.find((path) => storeDirOf(path) !== undefined);
  const storeDir = await store.storeDir({ signal, ...(near !== undefined && { near }) });
  return [...new Set(paths.map((path) => toStorePath(path, storeDir)))];
}

function checkArguments(paths: readonly string[], options: HoldOptions): void {
  requireStrings(paths, "paths");
  if (paths.length === 0) throw new ArgumentError("paths", "one store path or more", paths);
  checkSweepOptions(options, ["container", "store"]);
  requireString(options.container, "options.container");
  const { store } = options;
  if (store !== undefined)
    requireMethods(store, ["storeDir", "tempRoots", "addRoot"], "a NixStore", "options.store");
}
