/** Links into the store, such as `./result`. */
import { lstatSync, readlinkSync, realpathSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { absolutePath } from "../files/home.js";
import { storeDirOf } from "./storePath.js";

/** Links followed before a circle is assumed, as many as Linux follows. */
const MAX_LINKS = 40;

/** Where a path leads, link by link, until it is in the store or leads no further. */
export function followed(arg: string, storeDir: string | undefined): string {
  let path = absolutePath(arg);
  const isInside = (): boolean =>
    storeDir === undefined ? storeDirOf(path) !== undefined : path.startsWith(`${storeDir}/`);
  for (let links = 0; !isInside(); links++) {
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (links > MAX_LINKS || !stats) return path;
    const next = stats.isSymbolicLink() ? resolve(dirname(path), readlinkSync(path)) : realpathSync(path);
    if (next === path) return path;
    path = next;
  }
  return path;
}
