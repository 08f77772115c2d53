/** `nix-cache-info`: what a binary cache says of itself (binary-cache-store.cc). */
import { LaminixError } from "../../errors.js";
import { checkStoreDir } from "../storePath.js";

export interface CacheInfo {
  /** The directory of the store that its paths are of. */
  readonly storeDir: string;
  /** Whether it is suited to mass queries. */
  readonly wantMassQuery: boolean;
  /** Caches with lower numbers are asked first. */
  readonly priority: number;
}

/** Bytes. */
export const MAX_CACHE_INFO = 1 << 16;

/** @throws {LaminixError} ERR_BINARY_CACHE */
export function parseCacheInfo(text: string, name: string): CacheInfo {
  // A line without a colon is passed over, as Nix does.
  const fields = new Map(
    text.split("\n").flatMap((line) => {
      const colon = line.indexOf(":");
      return colon < 0 ? [] : [[line.slice(0, colon), line.slice(colon + 1).trim()] as const];
    }),
  );
  const priority = fields.get("Priority") ?? "50";
  if (!/^\d{1,9}$/.test(priority)) throw malformed(name, "its Priority is not a number");
  return {
    storeDir: storeDirOf(fields.get("StoreDir") ?? "/nix/store", name),
    wantMassQuery: fields.get("WantMassQuery") === "1",
    priority: Number(priority),
  };
}

function storeDirOf(dir: string, name: string): string {
  try {
    return checkStoreDir(dir);
  } catch (cause) {
    throw malformed(name, `its StoreDir is ${JSON.stringify(dir)}`, cause);
  }
}

function malformed(name: string, why: string, cause?: unknown): LaminixError {
  return new LaminixError("ERR_BINARY_CACHE", `${name} is not one of a binary cache: ${why}`, { cause });
}
