/** Temporary files and folders: how they are named, and what becomes of those that a dead process has left. */
import { lstatSync, mkdirSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LaminixError } from "../errors.js";
import { isLeftBehind, ownTag, unfinished } from "./owner.js";
import { tryToRemove } from "./removeTree.js";

const PREFIX = "laminix-";
const lookedInto = new Set<string>();

/** A path in `TMPDIR` that nothing has yet, and which tells that it is this process's. */
export function temporaryPath(): string {
  const folder = tmpdir();
  if (!lookedInto.has(folder)) removeLeftBehind();
  return join(folder, `${PREFIX}${ownTag()}`);
}

/**
 * Removes from `TMPDIR` what processes of this user have left that were killed. No link is followed.
 * @returns what could not be removed, such as folders with files of subordinate ids
 */
export function removeLeftBehind(): string[] {
  const folder = tmpdir();
  lookedInto.add(folder);
  return namesIn(folder)
    .filter((name) => name.startsWith(PREFIX) && isLeftBehind(name.slice(PREFIX.length)))
    .map((name) => join(folder, name))
    .filter((path) => isOurs(path) && !tryToRemove(path));
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // told by whoever wants to write there
  }
}

function isOurs(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.uid === process.geteuid?.();
}

/** A folder for as long as some work takes. */
export class TemporaryFolder implements Disposable {
  readonly path = temporaryPath();

  /** @throws {LaminixError} ERR_FILE_WRITE */
  constructor() {
    unfinished.add(this.path);
    try {
      mkdirSync(this.path, 0o700);
    } catch (cause) {
      unfinished.delete(this.path);
      throw new LaminixError("ERR_FILE_WRITE", `a temporary folder cannot be made in ${tmpdir()}`, {
        cause,
        details: { path: tmpdir() },
        hint: "set TMPDIR to a folder that can be written to",
      });
    }
  }

  [Symbol.dispose](): void {
    if (tryToRemove(this.path)) unfinished.delete(this.path);
  }
}
