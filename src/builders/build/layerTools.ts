/** What layers of store paths are made with. */
import type { DigestCache } from "../../image/digestCache.js";
import { TarPool } from "../../tar/pool.js";
import { type BuildOptions, digestCacheOf } from "../../planning/buildOptions.js";

export interface LayerTools {
  readonly pool: TarPool;
  readonly cache: DigestCache | undefined;
}

/** Without a cache that could know them all the layers will be hashed, so the threads for it are started at once. */
export function layerTools({ cache, jobs }: Pick<BuildOptions, "cache" | "jobs">): LayerTools {
  const pool = new TarPool(jobs);
  const digests = digestCacheOf({ cache });
  if (!digests || digests.isEmpty) pool.warmUp();
  return { pool, cache: digests };
}
