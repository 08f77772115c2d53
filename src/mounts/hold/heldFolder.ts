/**
 * Where the roots of a container are: `roots/ENGINE/ID/` in the state folder, with the links and `plan.json`, which says whose
 * they are. The links are what counts; the file is for the sweep, and for people.
 */
import { lstatSync, mkdirSync, renameSync, rmdirSync, unlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { debuglog } from "node:util";
import { type Json, parseJson } from "../../bytes/json.js";
import { LaminixError } from "../../errors.js";
import { cannotWriteUnlessCoded } from "../../files/cannotWrite.js";
import { absolutePath, type Environment, homeFolder } from "../../files/home.js";
import { readOwnFile } from "../../files/optionalFile.js";
import { unfinished } from "../../files/owner.js";
import { partialPath, removeRemains } from "../../files/partial.js";
import { tryToRemove } from "../../files/removeTree.js";
import { textIn } from "../../image/fields.js";
import type { StorePath } from "../../store/storePath.js";
import { type Engine, ENGINES } from "../../transports/engine/engines.js";
import { isContainerId } from "./containers.js";
import { entriesOf, type HeldLink, linksIn } from "./links.js";

/** A container with roots. */
export interface HeldContainer {
  readonly engine: Engine;
  /** Where the engine listens, as it was reached. */
  readonly host: string;
  /** Which engine that is: the same address may lead to others. */
  readonly engineId: string;
  /** Its ID. */
  readonly container: string;
  readonly name: string;
  /** The store paths that are held; their closures are with them. */
  readonly paths: readonly StorePath[];
  /** When it was first held, ISO 8601. */
  readonly created: string;
}

const debug = debuglog("laminix");

const PLAN = "plan.json";
/** Bytes of it. */
const MAX_PLAN = 64 << 20;

/** In `state`, else in `laminix` in the user's folder for state (XDG Base Directory Specification). */
export function rootsFolder(state: string | undefined, environment: Environment): string {
  if (state !== undefined) return join(absolutePath(state), "roots");
  const { XDG_STATE_HOME: states } = environment;
  const all = states?.startsWith("/") ? states : join(homeFolder(environment), ".local/state");
  return join(all, "laminix/roots");
}

export function heldFolderOf(roots: string, { engine, container }: HeldContainer): string {
  return join(roots, engine, container);
}

/** Makes the folder of a container, with its `plan.json`, unless it is there. @throws {LaminixError} ERR_FILE_WRITE */
export async function makeHeldFolder(roots: string, held: HeldContainer): Promise<string> {
  const folder = heldFolderOf(roots, held);
  const staging = partialPath(folder);
  unfinished.add(staging);
  try {
    mkdirSync(dirname(folder), { recursive: true });
    for (const each of [roots, dirname(folder)]) requireFolder(each);
    await removeRemains(folder);
    mkdirSync(staging);
    writeFileSync(join(staging, PLAN), planText(held));
    if (!tryToRename(staging, folder)) requireFolder(folder);
    return folder;
  } catch (cause) {
    throw cannotWriteUnlessCoded(folder, cause);
  } finally {
    tryToRemove(staging);
    unfinished.delete(staging);
  }
}

/** @returns `false` where something is there already */
function tryToRename(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if (["ENOTEMPTY", "EEXIST", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? ""))
      return false;
    throw error;
  }
}

/** Writes `plan.json` anew, for all links that are there. @throws {LaminixError} ERR_FILE_READ, ERR_FILE_WRITE */
export function rewritePlan(roots: string, held: HeldContainer): void {
  const folder = heldFolderOf(roots, held);
  const { created } = readHeldFolder(folder) ?? held;
  const staging = partialPath(folder);
  unfinished.add(staging);
  try {
    writeFileSync(staging, planText({ ...held, paths: pathsIn(folder), created }), { flag: "wx" });
    renameSync(staging, join(folder, PLAN));
  } catch (cause) {
    throw cannotWriteUnlessCoded(folder, cause);
  } finally {
    tryToRemove(staging);
    unfinished.delete(staging);
  }
}

/** Takes links away again; the folder goes with the last one. An error here would hide the one that led here. */
export function takeBack(folder: string, made: readonly HeldLink[]): void {
  for (const { link } of made) tryToRemove(link);
  try {
    if (linksIn(folder).length === 0) releaseFolder(folder);
  } catch (error) {
    debug("%s was not removed: %s", folder, error);
  }
}

/**
 * Removes a container's links, and the folder if nothing else is in it.
 * @throws {LaminixError} ERR_FILE_READ, ERR_FILE_WRITE
 */
export function releaseFolder(folder: string): void {
  if (!isFolder(folder)) return;
  for (const { link } of linksIn(folder))
    removeOwn(folder, () => {
      unlinkSync(link);
    });
  const plan = join(folder, PLAN);
  if (lstatSync(plan, { throwIfNoEntry: false })?.isFile())
    removeOwn(folder, () => {
      unlinkSync(plan);
    });
  removeOwn(folder, () => {
    rmdirSync(folder);
  });
}

/** Another process may be releasing the same, and what somebody else has put there stays. */
function removeOwn(folder: string, remove: () => void): void {
  try {
    remove();
  } catch (cause) {
    const { code = "" } = cause as NodeJS.ErrnoException;
    if (!["ENOENT", "ENOTEMPTY", "EEXIST"].includes(code)) throw cannotWriteUnlessCoded(folder, cause);
  }
}

/** All containers with roots. What is not ours, or a link, is passed over. @throws {LaminixError} ERR_FILE_READ */
export function heldContainers(roots: string): HeldContainer[] {
  return ENGINES.flatMap((engine) => {
    const folder = join(roots, engine);
    if (!isFolder(roots) || !isFolder(folder)) return [];
    return entriesOf(folder)
      .filter((entry) => entry.isDirectory() && isContainerId(entry.name))
      .flatMap(({ name }) => readHeldFolder(join(folder, name)) ?? [])
      .filter((held) => heldFolderOf(roots, held) === join(folder, held.container) && held.engine === engine);
  });
}

/** `undefined` where its `plan.json` is not there, or not ours. */
function readHeldFolder(folder: string): HeldContainer | undefined {
  const text = readOwnFile(join(folder, PLAN), MAX_PLAN)?.toString("utf8");
  const plan = text === undefined ? undefined : parsed(text);
  const engine = ENGINES.find((each) => each === textIn(plan, "engine"));
  const [host, engineId, container] = ["host", "engineId", "container"].map((key) => textIn(plan, key));
  if (engine === undefined || host === undefined || engineId === undefined || container === undefined)
    return undefined;
  const [name, created] = [textIn(plan, "name") ?? "", textIn(plan, "created") ?? ""];
  return { engine, host, engineId, container, name, paths: pathsIn(folder), created };
}

function parsed(text: string): Json | undefined {
  try {
    return parseJson(text, PLAN);
  } catch {
    return undefined;
  }
}

function pathsIn(folder: string): StorePath[] {
  return [...new Set(linksIn(folder).map(({ path }) => path))];
}

function isFolder(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** Links that others may have put there are not followed. */
function requireFolder(path: string): void {
  if (isFolder(path)) return;
  throw new LaminixError("ERR_FILE_WRITE", `${path} is no folder`, {
    details: { path },
    hint: "roots are kept there: move away what is in its place",
  });
}

function planText({ engine, host, engineId, container, name, paths, created }: HeldContainer): string {
  return `${JSON.stringify({ engine, host, engineId, container, name, paths, created }, null, 2)}\n`;
}
