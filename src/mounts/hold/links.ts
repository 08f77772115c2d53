/**
 * The links of one container, `0`, `1` and so on. Several processes may hold paths for it: each makes links of its own, so
 * that one that fails takes away nothing that another one relies on.
 */
import { type Dirent, readdirSync, readlinkSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { LaminixError } from "../../errors.js";
import { cannotWrite } from "../../files/cannotWrite.js";
import { tryToRemove } from "../../files/removeTree.js";
import { type StorePath, toStorePath } from "../../store/storePath.js";

export interface HeldLink {
  readonly link: string;
  readonly number: number;
  readonly path: StorePath;
}

/** A link, or one that was being made when its process was killed. */
const NAME = /^\d+(\.[\w-]+\.partial)?$/;

/** The links to store paths that have our names, lowest number first. @throws {LaminixError} ERR_FILE_READ */
export function linksIn(folder: string): HeldLink[] {
  return entriesOf(folder)
    .filter((entry) => entry.isSymbolicLink() && NAME.test(entry.name))
    .flatMap(({ name }) => {
      const link = join(folder, name);
      const path = storePathAt(link);
      return path === undefined ? [] : [{ link, number: Number.parseInt(name, 10), path }];
    })
    .sort((one, other) => one.number - other.number);
}

/**
 * A new link to each path, above those that are there.
 * @param made gets each link as it is made, so that they can be taken away where this throws
 * @throws {LaminixError} ERR_FILE_READ, ERR_FILE_WRITE
 */
export function makeLinks(folder: string, paths: readonly StorePath[], made: HeldLink[]): void {
  let number = (linksIn(folder).at(-1)?.number ?? -1) + 1;
  for (const path of paths) {
    while (!tryToLink(path, join(folder, String(number)))) number++;
    made.push({ link: join(folder, String(number)), number, path });
  }
}

function tryToLink(target: string, link: string): boolean {
  try {
    symlinkSync(target, link);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw cannotWrite(link, error);
  }
}

/**
 * Links that are here to stay take the place of older ones to the same paths. The newest of several is the one that nobody
 * takes away any more.
 */
export function removeOlder(folder: string, made: readonly HeldLink[]): void {
  const own = new Map(made.map(({ path, number }) => [path, number]));
  for (const { link, path, number } of linksIn(folder)) if (number < (own.get(path) ?? 0)) tryToRemove(link);
}

/** Where a link leads, if that is a store path. The link alone is looked at. */
function storePathAt(link: string): StorePath | undefined {
  try {
    const target = readlinkSync(link);
    const path = toStorePath(target);
    return path === target ? path : undefined;
  } catch {
    return undefined;
  }
}

/** What is in a folder; nothing where it is not there. @throws {LaminixError} ERR_FILE_READ */
export function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw new LaminixError("ERR_FILE_READ", `${folder} cannot be read`, { cause, details: { path: folder } });
  }
}
