/** Removing a folder with all that is in it, whatever its modes, names and depth. */
import { randomBytes } from "node:crypto";
import { chmodSync, lstatSync, readdirSync, renameSync, rmdirSync, rmSync, unlinkSync } from "node:fs";
import { debuglog } from "node:util";

const debug = debuglog("laminix");

const SLASH = Buffer.from("/");
/** What the owner needs to remove what is in a folder. */
const OPEN = 0o700;
/** Bytes of a path that leave room for one more name: Linux takes 4095. */
const LONGEST = 3500;

/** A folder that cannot be written to is made so first. Links are removed, not followed; what is not there is none. */
export function removeTree(path: string): void {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (!stats?.isDirectory()) rmSync(path, { force: true });
  else removeFolder(Buffer.from(path));
}

/** How often what is still being filled is tried again: a process that was killed takes a moment to end. */
const ATTEMPTS = 5;
/** Milliseconds in between. */
const PAUSE = 20;

/** The same. What cannot be removed is left to a later start: an error here would hide that of the work. */
export function tryToRemove(path: string): boolean {
  for (let attempt = 1; ; attempt++) {
    try {
      removeTree(path);
      return true;
    } catch (error) {
      const isBeingFilled = (error as NodeJS.ErrnoException).code === "ENOTEMPTY";
      if (!isBeingFilled || attempt === ATTEMPTS) {
        debug("%s was not removed: %s", path, error);
        return false;
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE);
    }
  }
}

/** `fs.rm` neither opens a folder, nor knows names that are not UTF-8, nor goes as deep as folders can be made. */
function removeFolder(top: Buffer): void {
  // Each after the folder that it is in.
  const folders = [top];
  for (const folder of folders) {
    if ((lstatSync(folder).mode & OPEN) !== OPEN) chmodSync(folder, OPEN);
    for (const entry of readdirSync(folder, { encoding: "buffer", withFileTypes: true })) {
      const inner = Buffer.concat([folder, SLASH, entry.name]);
      if (!entry.isDirectory()) unlinkSync(inner);
      else folders.push(inner.length <= LONGEST ? inner : raised(inner, top));
    }
  }
  for (const folder of folders.reverse()) rmdirSync(folder);
}

/** Moves a folder whose path is too long to where it is short. */
function raised(folder: Buffer, top: Buffer): Buffer {
  const place = Buffer.concat([top, SLASH, Buffer.from(randomBytes(12).toString("hex"))]);
  // To move a folder its owner has to be allowed to write to it.
  chmodSync(folder, OPEN);
  renameSync(folder, place);
  return place;
}
