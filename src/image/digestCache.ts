/**
 * What layers hash to, remembered between runs: a small file a layer, named by its content key, and another for each
 * encoder that has compressed it. Many processes may use it at once, for a file is put in place whole. Whatever is not
 * right in it counts as not there.
 */
import { requireString } from "../arguments.js";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { debuglog } from "node:util";
import { homeFolder } from "../files/home.js";
import { type Digest, hashOf, type LayerDigest } from "./layer.js";

const debug = debuglog("laminix");

/** Entries of a kind are spread over 256 folders; each keeps this many at the most, the oldest going first. */
const MAX_PER_FOLDER = 64;

/** Folders of entries: of layers, and of compressed layers. */
const DIGESTS = "digests";
const COMPRESSED = "compressed";
type Kind = typeof DIGESTS | typeof COMPRESSED;

/** What a compressed layer is told by. */
export interface BlobDigest {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

export interface CacheSummary {
  readonly path: string;
  readonly entries: number;
  /** Those of compressed layers among the entries. */
  readonly compressed: number;
  /** Bytes. */
  readonly size: number;
}

/** The default place: `LAMINIX_CACHE_DIR`, else `laminix` in the user's cache folder. */
export function defaultCacheDir(environment: NodeJS.ProcessEnv = process.env): string {
  if (environment.LAMINIX_CACHE_DIR) return environment.LAMINIX_CACHE_DIR;
  const caches = environment.XDG_CACHE_HOME;
  return join(caches?.startsWith("/") ? caches : join(homeFolder(environment), ".cache"), "laminix");
}

export class DigestCache {
  readonly path: string;

  constructor(path: string = defaultCacheDir()) {
    requireString(path, "path");
    this.path = path;
  }

  /** Whether no layer is known. */
  get isEmpty(): boolean {
    return this.#folders(DIGESTS).length === 0;
  }

  get(key: string): LayerDigest | undefined {
    const found = this.#read(DIGESTS, key);
    return found && { diffId: found.digest, size: found.size };
  }

  /** Does nothing where it cannot be written: a cache is never a reason to fail. */
  put(key: string, { diffId, size }: LayerDigest): void {
    this.#write(DIGESTS, key, { digest: diffId, size });
  }

  remove(key: string): void {
    remove(this.#file(DIGESTS, key));
  }

  /**
   * What the layer is compressed.
   * @param encoder its name, version and level
   */
  compressed(key: string, encoder: string): BlobDigest | undefined {
    return this.#read(COMPRESSED, hashOf([key, encoder]));
  }

  putCompressed(key: string, encoder: string, blob: BlobDigest): void {
    this.#write(COMPRESSED, hashOf([key, encoder]), blob);
  }

  removeCompressed(key: string, encoder: string): void {
    remove(this.#file(COMPRESSED, hashOf([key, encoder])));
  }

  summary(): CacheSummary {
    const plain = this.#folders(DIGESTS).flatMap((folder) => filesIn(folder));
    const compressed = this.#folders(COMPRESSED).flatMap((folder) => filesIn(folder));
    const files = [...plain, ...compressed];
    return {
      path: this.path,
      entries: files.length,
      compressed: compressed.length,
      size: files.reduce((sum, { size }) => sum + size, 0),
    };
  }

  clear(): void {
    for (const kind of [DIGESTS, COMPRESSED]) remove(join(this.path, kind));
  }

  #read(kind: Kind, key: string): BlobDigest | undefined {
    try {
      const match = /^(sha256:[0-9a-f]{64}) (\d{1,15})\n$/.exec(
        readFileSync(this.#file(kind, key), "latin1"),
      );
      return match ? { digest: match[1] as Digest, size: Number(match[2]) } : undefined;
    } catch {
      return undefined;
    }
  }

  #write(kind: Kind, key: string, { digest, size }: BlobDigest): void {
    const file = this.#file(kind, key);
    const temporary = `${file}.${String(process.pid)}`;
    try {
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
      writeFileSync(temporary, `${digest} ${String(size)}\n`);
      renameSync(temporary, file);
      this.#prune(dirname(file));
    } catch (error) {
      debug("the digest cache was not written: %s", error);
      remove(temporary);
    }
  }

  #prune(folder: string): void {
    const files = filesIn(folder);
    if (files.length <= MAX_PER_FOLDER) return;
    const byAge = files.toSorted((one, other) => one.mtime - other.mtime);
    for (const { path } of byAge.slice(0, files.length - MAX_PER_FOLDER)) remove(path);
  }

  #folders(kind: Kind): string[] {
    try {
      return readdirSync(join(this.path, kind)).map((name) => join(this.path, kind, name));
    } catch {
      return [];
    }
  }

  #file(kind: Kind, key: string): string {
    return join(this.path, kind, key.slice(0, 2), key.slice(2));
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
