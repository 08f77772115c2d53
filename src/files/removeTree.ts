/** Removing a folder with all that is in it, whatever its modes and names. */
import { chmodSync, lstatSync, readdirSync, rmdirSync, rmSync, type Stats, unlinkSync } from "node:fs";

const SLASH = Buffer.from("/");
/** What the owner needs to remove what is in a folder. */
const OPEN = 0o700;

/** A folder that cannot be written to is made so first. Links are removed, not followed; what is not there is none. */
export function removeTree(path: string): void {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (!stats?.isDirectory()) rmSync(path, { force: true });
  else removeFolder(Buffer.from(path), stats);
}

/** `fs.rm` neither opens a folder nor knows names that are not UTF-8. */
function removeFolder(folder: Buffer, { mode }: Stats): void {
  if ((mode & OPEN) !== OPEN) chmodSync(folder, OPEN);
  for (const entry of readdirSync(folder, { encoding: "buffer", withFileTypes: true })) {
    const inner = Buffer.concat([folder, SLASH, entry.name]);
    if (entry.isDirectory()) removeFolder(inner, lstatSync(inner));
    else unlinkSync(inner);
  }
  rmdirSync(folder);
}
