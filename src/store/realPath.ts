/** Where a store path's files are on this disk. */
import { lstatSync } from "node:fs";
import { LaminixError } from "../errors.js";
import type { StoreLocation } from "./location.js";
import { baseName, requireStoreDirOf, toStorePath } from "./storePath.js";

/**
 * @returns for a chroot store, a place other than the path itself
 * @throws {LaminixError} ERR_PATH_NOT_ON_DISK
 */
export function realPath(path: string, location: StoreLocation): string {
  const dir = requireStoreDirOf(path);
  const storePath = toStorePath(path, dir);
  const disk = location.physicalDir(dir);
  const place = disk === undefined ? undefined : `${disk}/${baseName(storePath)}`;
  if (place !== undefined && lstatSync(place, { throwIfNoEntry: false })) return place;
  throw new LaminixError(
    "ERR_PATH_NOT_ON_DISK",
    `the files of ${storePath} are not ${place === undefined ? "on this disk" : `at ${place}`}`,
    {
      details: { path: storePath, disk: place },
      hint: "where the store's files are elsewhere, say so with ?root= or ?real= in the store's URL",
    },
  );
}
