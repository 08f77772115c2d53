/** Arguments that name store paths. */
import { lstatSync, statSync } from "node:fs";
import { absolutePath } from "../files/home.js";
import type { StoreSource } from "../store/storeSource.js";
import { LaminixError, named } from "../errors.js";
import { DOCKER } from "../manifests/reference.js";
import { isStandardInput } from "./standardInput.js";
import { followed } from "../store/followed.js";
import { type StorePath, storeDirOf, toStorePath } from "../store/storePath.js";

/**
 * The store paths that arguments name. A link such as `./result` is followed until it leads into the store, and no
 * further: a store path may be a link itself.
 * @throws {LaminixError} ERR_FILE_READ, ERR_OUTSIDE_STORE, ERR_STORE_PATH
 */
export async function storePaths(
  args: readonly string[],
  store: StoreSource,
  signal: AbortSignal,
): Promise<StorePath[]> {
  const first = args.map((arg) => absolutePath(arg)).find((path) => storeDirOf(path) !== undefined);
  const storeDir = await store.storeDir({ signal, near: first ?? followed(args[0] ?? "", undefined) });
  return args.map((arg) => {
    const path = followed(arg, storeDir);
    requireFile(path, arg, storeDir);
    return toStorePath(path, storeDir);
  });
}

/**
 * That something is where a path leads, unless it is in a store, which may be elsewhere than on this disk.
 * @throws {LaminixError} ERR_FILE_READ
 */
export function requireFile(path: string, arg: string, storeDir: string | undefined): void {
  const isInside = storeDir !== undefined && path.startsWith(`${storeDir}/`);
  if (isInside || storeDirOf(path) !== undefined || lstatSync(path, { throwIfNoEntry: false })) return;
  throw new LaminixError("ERR_FILE_READ", `no such file: ${named(arg)}`, {
    details: { path: arg },
    hint: "a store path, or a link to one, is expected",
  });
}

/** Whether an argument is a folder outside of any store, and no link into one. */
export function isPlainFolder(arg: string): boolean {
  const path = followed(arg, undefined);
  return storeDirOf(path) === undefined && lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** Whether arguments name a spec rather than store paths: a single file called `….json`, or standard input. */
export function isSpec(args: readonly string[]): boolean {
  const [only = ""] = args;
  if (args.length !== 1) return false;
  if (isStandardInput(only)) return true;
  return only.endsWith(".json") && lstatSync(only, { throwIfNoEntry: false })?.isDirectory() !== true;
}

/**
 * Specs and archives that arguments name are looked for before anything is done.
 * @throws {LaminixError} ERR_FILE_READ where one is not there
 */
export function requireFiles(args: readonly string[]): void {
  for (const arg of args) {
    if (isStandardInput(arg) || arg.startsWith(DOCKER)) continue;
    if (statSync(arg, { throwIfNoEntry: false }) !== undefined) continue;
    throw new LaminixError("ERR_FILE_READ", `${named(arg)} cannot be read: no such file`, {
      details: { path: arg },
    });
  }
}

/** @throws {LaminixError} ERR_USAGE */
export function requireArguments(args: readonly string[], what: string, hint?: string): void {
  if (args.length > 0) return;
  throw new LaminixError("ERR_USAGE", `${what} is missing`, { ...(hint !== undefined && { hint }) });
}
