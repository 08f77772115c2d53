/**
 * What layers hash to, remembered between runs: a small file a layer, named by its content key, and two for each encoder
 * that has compressed it: what it has made of the layer, and by the digest of that, which encoder it was. Many processes
 * may use it at once, for a file is put in place whole. An entry that is damaged, or was not written by this user, counts
 * as absent.
 */
import { requireString } from "../arguments.js";
import { lstatSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, extname, join } from "node:path";
import { debuglog } from "node:util";
import { homeFolder } from "../files/home.js";
import { readOwnFile } from "../files/optionalFile.js";
import { isLeftBehind, ownTag } from "../files/owner.js";
import { hashOf, type LayerDigest } from "./layer.js";
import type { Digest } from "../bytes/digest.js";

const debug = debuglog("laminix");

/** Bytes; entries are shorter. */
const MAX_ENTRY = 256;

/** Entries of a kind are spread over 256 folders; each keeps this many at the most, the oldest going first. */
const MAX_PER_FOLDER = 64;

/** Folders of entries: of layers, of compressed layers, and of what has compressed these. */
const DIGESTS = "digests";
const COMPRESSED = "compressed";
const ENCODERS = "encoders";
const KINDS = [DIGESTS, COMPRESSED, ENCODERS] as const;
type Kind = (typeof KINDS)[number];

/** The digest and size of a compressed layer. */
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
    const found = this.#readBlob(DIGESTS, key);
    return found && { diffId: found.digest, size: found.size };
  }

  /** Does nothing if the cache cannot be written: a cache is never a reason to fail. */
  put(key: string, { diffId, size }: LayerDigest): void {
    this.#write(DIGESTS, key, blobText({ digest: diffId, size }));
  }

  remove(key: string): void {
    remove(this.#file(DIGESTS, key));
  }

  /**
   * The compressed digest and size of a layer.
   * @param encoder its name, version and level
   */
  compressed(key: string, encoder: string): BlobDigest | undefined {
    return this.#readBlob(COMPRESSED, hashOf([key, encoder]));
  }

  putCompressed(key: string, encoder: string, blob: BlobDigest): void {
    this.#write(COMPRESSED, hashOf([key, encoder]), blobText(blob));
    this.#write(ENCODERS, hashOf(blob.digest), encoder);
  }

  /** What has compressed a layer, by the digest of its compressed bytes. */
  encoderOf(compressed: Digest): string | undefined {
    return this.#read(ENCODERS, hashOf(compressed));
  }

  removeCompressed(key: string, encoder: string): void {
    remove(this.#file(COMPRESSED, hashOf([key, encoder])));
  }

  summary(): CacheSummary {
    const all = KINDS.map((kind) => this.#folders(kind).flatMap(filesIn).filter(isEntry));
    const [plain = 0, compressed = 0] = all.map(({ length }) => length);
    const files = all.flat();
    return {
      path: this.path,
      entries: plain + compressed,
      compressed,
      size: files.reduce((sum, { size }) => sum + size, 0),
    };
  }

  clear(): void {
    for (const kind of KINDS) remove(join(this.path, kind));
  }

  #readBlob(kind: Kind, key: string): BlobDigest | undefined {
    const match = /^(sha256:[0-9a-f]{64}) (\d{1,15})$/.exec(this.#read(kind, key) ?? "");
    return match ? { digest: match[1] as Digest, size: Number(match[2]) } : undefined;
  }

  #read(kind: Kind, key: string): string | undefined {
    const text = readOwnFile(this.#file(kind, key), MAX_ENTRY)?.toString("latin1") ?? "";
    const [, value] = /^(.*) [0-9a-f]{64}\n$/.exec(text) ?? [];
    return value !== undefined && text === entryText(kind, key, value) ? value : undefined;
  }

  #write(kind: Kind, key: string, value: string): void {
    const file = this.#file(kind, key);
    const temporary = `${file}.${ownTag()}`;
    try {
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
      writeFileSync(temporary, entryText(kind, key, value), { flag: "wx", mode: 0o600 });
      renameSync(temporary, file);
      this.#prune(dirname(file));
    } catch (error) {
      debug("the digest cache was not written: %s", error);
      remove(temporary);
    }
  }

  #prune(folder: string): void {
    const all = filesIn(folder);
    for (const { path } of all) if (isLeftBehind(extname(path).slice(1))) remove(path);
    const files = all.filter(isEntry);
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
      const stats = lstatSync(path, { throwIfNoEntry: false });
      return stats ? [{ path, size: stats.size, mtime: stats.mtimeMs }] : [];
    });
  } catch {
    return [];
  }
}

/** Not a file that another process is about to put in place. */
function isEntry({ path }: CacheFile): boolean {
  return extname(path) === "";
}

function blobText({ digest, size }: BlobDigest): string {
  return `${digest} ${String(size)}`;
}

/** Ends with a checksum of all that the entry says, and of what it says it of. */
function entryText(kind: Kind, key: string, value: string): string {
  return `${value} ${hashOf([kind, key, value])}\n`;
}

/** Removes a file or a folder, if it is there and may be. */
function remove(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch (error) {
    debug("the digest cache was not cleaned up: %s", error);
  }
}
