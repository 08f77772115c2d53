/** Removing a folder with all that is in it, whatever its modes. */
import { chmodSync, lstatSync, readdirSync, rmSync } from "node:fs";

/** A folder that cannot be written to is made so first. */
export function removeTree(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch {
    openUp(Buffer.from(folder));
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Folders only: a link may lead anywhere. */
function openUp(path: Buffer): void {
  if (!lstatSync(path).isDirectory()) return;
  chmodSync(path, 0o700);
  for (const name of readdirSync(path, "buffer")) openUp(Buffer.concat([path, Buffer.from("/"), name]));
}
