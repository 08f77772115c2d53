/**
 * What layers hash to, remembered between runs: a small file a layer, named by its content key. Many processes may use
 * it at once, for a file is put in place whole. Whatever is not right in it counts as not there.
 */
import { requireString } from "../arguments.js";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { debuglog } from "node:util";
import type { LayerDigest } from "./layer.js";

const debug = debuglog("laminix");

/** Entries are spread over 256 folders; each keeps this many at the most, the oldest going first. */
const MAX_PER_FOLDER = 64;

export interface CacheSummary {
  readonly path: string;
  readonly entries: number;
  /** Bytes. */
  readonly size: number;
}

/** The default place: `LAMINIX_CACHE_DIR`, else `laminix` in the user's cache folder. */
export function defaultCacheDir(environment: NodeJS.ProcessEnv = process.env): string {
  if (environment.LAMINIX_CACHE_DIR) return environment.LAMINIX_CACHE_DIR;
  const caches = environment.XDG_CACHE_HOME;
  return join(caches?.startsWith("/") ? caches : join(homedir(), ".cache"), "laminix");
}

export class DigestCache {
  readonly path: string;

  constructor(path: string = defaultCacheDir()) {
    requireString(path, "path");
    this.path = path;
  }

  get isEmpty(): boolean {
    return this.#folders().length === 0;
  }

  get(key: string): LayerDigest | undefined {
    try {
      const match = /^(sha256:[0-9a-f]{64}) (\d{1,15})\n$/.exec(readFileSync(this.#file(key), "latin1"));
      return match ? { diffId: match[1] as LayerDigest["diffId"], size: Number(match[2]) } : undefined;
    } catch {
      return undefined;
    }
  }

  /** Does nothing where it cannot be written: a cache is never a reason to fail. */
  put(key: string, { diffId, size }: LayerDigest): void {
    const file = this.#file(key);
    const temporary = `${file}.${String(process.pid)}`;
    try {
      mkdirSync(this.#folder(key), { recursive: true, mode: 0o700 });
      writeFileSync(temporary, `${diffId} ${String(size)}\n`);
      renameSync(temporary, file);
      this.#prune(this.#folder(key));
    } catch (error) {
      debug("the digest cache was not written: %s", error);
      remove(temporary);
    }
  }

  remove(key: string): void {
    remove(this.#file(key));
  }

  summary(): CacheSummary {
    const files = this.#folders().flatMap((folder) => filesIn(folder));
    return {
      path: this.path,
      entries: files.length,
      size: files.reduce((sum, { size }) => sum + size, 0),
    };
  }

  clear(): void {
    remove(join(this.path, "digests"));
  }

  #prune(folder: string): void {
    const files = filesIn(folder);
    if (files.length <= MAX_PER_FOLDER) return;
    const byAge = files.toSorted((one, other) => one.mtime - other.mtime);
    for (const { path } of byAge.slice(0, files.length - MAX_PER_FOLDER)) remove(path);
  }

  #folders(): string[] {
    try {
      return readdirSync(join(this.path, "digests")).map((name) => join(this.path, "digests", name));
    } catch {
      return [];
    }
  }

  #folder(key: string): string {
    return join(this.path, "digests", key.slice(0, 2));
  }

  #file(key: string): string {
    return join(this.#folder(key), key.slice(2));
  }
}

interface CacheFile {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds. */
  readonly mtime: number;
}

/** What a folder holds at this moment: another process may be adding and removing. */
function filesIn(folder: string): CacheFile[] {
  try {
    return readdirSync(folder).flatMap((name) => {
      const path = join(folder, name);
      const stats = statSync(path, { throwIfNoEntry: false });
      return stats ? [{ path, size: stats.size, mtime: stats.mtimeMs }] : [];
    });
  } catch {
    return [];
  }
}

/** Removes a file or a folder, if it is there and may be. */
function remove(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch (error) {
    debug("the digest cache was not cleaned up: %s", error);
  }
}
