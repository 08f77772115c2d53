/**
 * Links that keep store paths from being collected as garbage. A daemon is told where a link is, and looks at it whenever
 * it collects (Nix, src/libstore/gc.cc, `findRoots`): what it then finds to be no link into the store, it passes over without
 * a word.
 */
import { lstatSync, mkdirSync, readlinkSync, realpathSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import { LaminixError } from "../errors.js";
import { partialPath } from "../files/partial.js";
import { unfinished } from "../files/owner.js";
import type { Closure } from "./closure.js";
import type { CallOptions } from "./connection.js";
import type { Connections } from "./connections.js";
import type { KeepingRoot, Root } from "./garbage.js";
import { notValid } from "./pathInfo.js";
import type { StorePath } from "./storePath.js";
import { work, type WorkOptions } from "./work.js";

/** What is asked of the store itself. */
interface Store {
  readonly url: string;
  storeDir(options: CallOptions & { readonly near?: string }): Promise<string>;
  tempRoots(paths: readonly string[], options: CallOptions): Promise<AsyncDisposable>;
  isValidPath(path: string, options: CallOptions): Promise<boolean>;
  roots(options: WorkOptions): Promise<Root[]>;
  referrersClosure(path: string, options: CallOptions): Promise<StorePath[]>;
  closure(paths: readonly string[], options: CallOptions): Promise<Closure>;
}

interface Daemon {
  readonly connections: Connections;
  /** Whether its disk is another machine's. */
  readonly isRemote: boolean;
}

/** See `NixStore.addRoot`. */
export async function addRoot(
  store: Store,
  { connections, isRemote }: Daemon,
  path: StorePath,
  link: string,
  options: CallOptions,
): Promise<string> {
  if (isRemote) {
    throw new LaminixError(
      "ERR_UNSUPPORTED",
      `${store.url} is on another machine, where no link can be made`,
      {
        hint: "make it there with nix-store --add-root",
      },
    );
  }
  const storeDir = await store.storeDir({ ...options, near: path });
  // Until the link holds it, this does.
  await using _held = await store.tempRoots([path], options);
  const { place, isNew } = makeRootLink(link, path, storeDir);
  try {
    await work(connections, "addIndirectRoot", { link: place }, options);
  } catch (error) {
    if (isNew) rmSync(place, { force: true });
    throw error;
  }
  return place;
}

/** See `NixStore.addIndirectRoot`. */
export async function addIndirectRoot(
  store: Store,
  { connections, isRemote }: Daemon,
  link: string,
  options: CallOptions,
): Promise<void> {
  if (!isAbsolute(link)) throw refused(link, "its path is not absolute");
  if (!isRemote) {
    const target = linkTarget(link);
    if (target === undefined) throw refused(link, "it is no link");
    const storeDir = await store.storeDir({ ...options, near: target });
    if (!target.startsWith(`${storeDir}/`)) throw refused(link, `it does not lead into ${storeDir}`);
  }
  await work(connections, "addIndirectRoot", { link }, options);
}

/** See `NixStore.rootsOf`. */
export async function rootsOf(store: Store, path: StorePath, options: WorkOptions): Promise<KeepingRoot[]> {
  if (!(await store.isValidPath(path, options))) throw notValid(path);
  const [roots, keeping] = await Promise.all([store.roots(options), store.referrersClosure(path, options)]);
  const keepers = new Set(keeping);
  const found = roots.filter((root) => keepers.has(root.path));
  const closure = await store.closure([...new Set(found.map((root) => root.path))], options);
  const chains = new Map<StorePath, readonly StorePath[]>();
  return found.map((root) => {
    const chain = chains.get(root.path) ?? closure.whyDepends(root.path, path) ?? [path];
    chains.set(root.path, chain);
    return { ...root, chain };
  });
}

/** Makes a link to a store path, or makes one that is there already lead to it. */
function makeRootLink(
  link: string,
  path: StorePath,
  storeDir: string,
): { readonly place: string; readonly isNew: boolean } {
  const asked = resolve(link);
  try {
    mkdirSync(dirname(asked), { recursive: true });
    // The daemon follows no link but this one.
    const place = join(realpathSync(dirname(asked)), basename(asked));
    if (place.startsWith(`${storeDir}/`)) throw refused(link, "it would be in the store");
    const isNew = !isOurs(place, link, storeDir);
    const temporary = partialPath(place);
    unfinished.add(temporary);
    try {
      symlinkSync(path, temporary);
      renameSync(temporary, place);
    } finally {
      rmSync(temporary, { force: true });
      unfinished.delete(temporary);
    }
    return { place, isNew };
  } catch (cause) {
    if (cause instanceof LaminixError) throw cause;
    throw new LaminixError("ERR_FILE_WRITE", `${link} cannot be made`, { cause, details: { path: link } });
  }
}

/**
 * Whether a link into the store is there, which may be replaced.
 * @throws {LaminixError} ERR_GC_ROOT where something else is
 */
function isOurs(place: string, link: string, storeDir: string): boolean {
  const stats = lstatSync(place, { throwIfNoEntry: false });
  if (!stats) return false;
  if (!stats.isSymbolicLink()) throw refused(link, "something else is in its place");
  const target = readlinkSync(place);
  if (target.startsWith(`${storeDir}/`)) return true;
  throw refused(link, `a link to ${target} is in its place`);
}

function linkTarget(link: string): string | undefined {
  try {
    return readlinkSync(link);
  } catch {
    return undefined;
  }
}

function refused(link: string, why: string): LaminixError {
  return new LaminixError("ERR_GC_ROOT", `${link} cannot be a garbage collector root: ${why}`, {
    details: { link },
    hint: "a root is a symbolic link that leads straight to a store path",
  });
}
