/** Questions about closures whose answers are for programs: for the views of an editor's extension. */
import { ArgumentError } from "../errors.js";
import type { Closure } from "../store/closure.js";
import type { Duplicate } from "../store/questions/duplicates.js";
import type { ClosureDiff } from "../store/questions/diffClosures.js";
import type { StorePath } from "../store/storePath.js";
import type { Asking } from "./asking.js";
import type { Editor } from "./editor.js";
import { targetOf } from "./links.js";
import { objectOf, stringIn } from "./parameters.js";
import { findStorePaths } from "../store/findStorePaths.js";

/** References of one path that are listed. */
const MOST_REFERENCES = 2000;

export interface TreeEntry {
  readonly path: StorePath;
  /** Bytes of its NAR. */
  readonly narSize: number;
  /** Bytes of the NARs of its closure. */
  readonly closureSize: number;
  /** How many other paths it references. */
  readonly references: number;
}

/** One path of a closure, and what it references directly. */
export interface TreeLevel extends TreeEntry {
  /** The largest closure first; without the path itself. */
  readonly below: readonly TreeEntry[];
}

/** Where the store is, and which texts name its paths: `laminix/store`. */
export async function storeQuestion(
  _params: unknown,
  { facts, settings }: Editor,
  asking: Asking,
): Promise<{ readonly store: string; readonly storeDir: string }> {
  return { store: settings.current.store, storeDir: await facts.storeDir(asking) };
}

/**
 * The file, or the report, that a path in a text leads to: `laminix/target`.
 * @param params `path`: a store path, or one inside it
 */
export async function targetQuestion(
  params: unknown,
  editor: Editor,
  asking: Asking,
): Promise<{ readonly uri: string | null }> {
  const text = stringIn(params, "path");
  const [found] = findStorePaths(text, { storeDir: await editor.facts.storeDir(asking) });
  if (found?.start !== 0) throw new ArgumentError("params.path", "a path in the store", text);
  return { uri: (await targetOf(found.path, found.inside, editor)) ?? null };
}

/**
 * One level of a closure's tree: `laminix/tree`.
 * @param params `path`: whose closure; `at`: a path of it, itself unless given
 * @throws {LaminixError} ERR_PATH_NOT_VALID, ERR_STORE_PATH, ERR_OUTSIDE_STORE, …
 */
export async function treeQuestion(params: unknown, editor: Editor, asking: Asking): Promise<TreeLevel> {
  const closure = await closureOf(params, "path", editor, asking);
  const { at } = objectOf(params, "params");
  if (at !== undefined && typeof at !== "string") throw new ArgumentError("params.at", "a store path", at);
  const path = await editor.facts.storePath(at ?? stringIn(params, "path"), asking);
  const below = othersOf(closure, path)
    .map((each) => entryOf(closure, each))
    .sort((one, other) => other.closureSize - one.closureSize || (one.path < other.path ? -1 : 1));
  return { ...entryOf(closure, path), below: below.slice(0, MOST_REFERENCES) };
}

/**
 * Packages that a closure has more than once: `laminix/duplicates`.
 * @param params `path`: whose closure
 */
export async function duplicatesQuestion(
  params: unknown,
  editor: Editor,
  asking: Asking,
): Promise<readonly Duplicate[]> {
  return (await closureOf(params, "path", editor, asking)).duplicates();
}

/**
 * What is different between two closures: `laminix/diff`.
 * @param params `before` and `after`: store paths
 */
export async function diffQuestion(params: unknown, editor: Editor, asking: Asking): Promise<ClosureDiff> {
  const { diffClosures } = await import("../store/questions/diffClosures.js");
  const [before, after] = await Promise.all([
    closureOf(params, "before", editor, asking),
    closureOf(params, "after", editor, asking),
  ]);
  return diffClosures(before, after);
}

async function closureOf(params: unknown, key: string, { facts }: Editor, asking: Asking): Promise<Closure> {
  return facts.closure(await facts.storePath(stringIn(params, key), asking), asking);
}

function entryOf(closure: Closure, path: StorePath): TreeEntry {
  return {
    path,
    narSize: closure.get(path)?.narSize ?? 0,
    closureSize: closure.closureSize(path),
    references: othersOf(closure, path).length,
  };
}

function othersOf(closure: Closure, path: StorePath): StorePath[] {
  return closure.references(path).filter((each) => each !== path);
}
