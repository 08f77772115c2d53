/** What layers of store paths are made with. */
import type { DigestCache } from "../../image/digestCache.js";
import { TarPool } from "../../tar/pool.js";
import { type BuildOptions, digestCacheOf } from "../../planning/buildOptions.js";

export interface LayerTools {
  readonly pool: TarPool;
  readonly cache: DigestCache | undefined;
}

export function layerTools({ cache, jobs }: Pick<BuildOptions, "cache" | "jobs">): LayerTools {
  return { pool: new TarPool(jobs), cache: digestCacheOf({ cache }) };
}
