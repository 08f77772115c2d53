/** The cache of digests. */
import { constants, statSync } from "node:fs";
import { dirname } from "node:path";
import { isAccessible } from "../../files/optionalFile.js";
import { DigestCache } from "../../image/digestCache.js";
import { counted } from "../../format.js";
import { type Check, type Found, ok } from "./check.js";

export const cache: Check = {
  feature: "digest cache",
  neededFor: "not hashing the same layers again",
  look: (): Found => {
    const { path, entries } = new DigestCache().summary();
    const folder = firstThere(path);
    if (statSync(folder).isDirectory() && isAccessible(folder, constants.W_OK | constants.X_OK))
      return ok(`${path}: ${counted(entries, "entry", "entries")}`);
    return {
      status: "missing",
      found: `${path} cannot be written, since ${folder} cannot`,
      todo: "name another folder with LAMINIX_CACHE_DIR",
    };
  },
};

/** The folder, or the one that it would be made in. */
function firstThere(path: string): string {
  const above = dirname(path);
  return above === path || isAccessible(path, constants.F_OK) ? path : firstThere(above);
}
