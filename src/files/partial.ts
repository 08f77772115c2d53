/**
 * Names of files and folders that are being written: `NAME.TAG.partial` beside what they become. The tag tells which process
 * is writing, so that what a killed one has left can be removed.
 */
import { lstat, readdir } from "node:fs/promises";
import { isLeftBehind, ownTag } from "./owner.js";
import { tryToRemove } from "./removeTree.js";

const SUFFIX = ".partial";

/** Bytes of the target's name that are kept: with the tag, the name must be short enough for any file system. */
const LONGEST = 96;

/** @param target a path; one that ends in a slash gives `.TAG.partial` in that folder */
export function partialPath(target: string): string {
  const { folder, prefix } = partsOf(target);
  return `${folder}${prefix}${ownTag()}${SUFFIX}`;
}

/** Removes what this user's processes have left of the target when they were killed. */
export async function removeRemains(target: string): Promise<void> {
  const { folder, prefix } = partsOf(target);
  const names = await readdir(folder || ".").catch(() => []);
  for (const name of names) {
    if (!name.startsWith(prefix) || !name.endsWith(SUFFIX)) continue;
    if (!isLeftBehind(name.slice(prefix.length, -SUFFIX.length))) continue;
    const path = `${folder}${name}`;
    const stats = await lstat(path).catch(() => undefined);
    const isOurs = stats?.uid === process.geteuid?.() && (stats?.isFile() || stats?.isDirectory());
    if (isOurs) tryToRemove(path);
  }
}

/** The folder, with the slash at its end or empty, and what the names of the target's partial files begin with. */
function partsOf(target: string): { readonly folder: string; readonly prefix: string } {
  const start = target.lastIndexOf("/") + 1;
  return { folder: target.slice(0, start), prefix: `${shortened(target.slice(start))}.` };
}

/** Cut between two characters. */
function shortened(name: string): string {
  let short = name;
  while (Buffer.byteLength(short) > LONGEST) short = [...short].slice(0, -1).join("");
  return short;
}
