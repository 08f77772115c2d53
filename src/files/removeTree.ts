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

function openUp(folder: Buffer): void {
  chmodSync(folder, 0o700);
  for (const name of readdirSync(folder, "buffer")) {
    const inner = Buffer.concat([folder, Buffer.from("/"), name]);
    if (lstatSync(inner).isDirectory()) openUp(inner);
  }
}
