/** What the store is asked for the editor. Nothing here builds, fetches, evaluates, or holds a path. */
import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { LaminixError } from "../errors.js";
import type { Closure, PathInfo } from "../store/closure.js";
import type { Derivation } from "../store/derivationValue.js";
import { normalise, type StorePath, toStorePath } from "../store/storePath.js";
import type { Asking } from "./asking.js";
import { type AskedStore, isDaemon, openAskedStore } from "./askedStore.js";
import { ClosureSizes, type ClosureTotals } from "./closureTotals.js";
import type { FolderEntries, Folders } from "./folderEntries.js";
import type { NixStore } from "../store/nixStore.js";
import { StoreIndex } from "./storeIndex.js";
import { ToldValidity } from "./toldValidity.js";

/** A place in a store path, and on this disk. */
export interface RealPlace {
  readonly place: string;
  readonly kind: "file" | "folder" | "link" | "other";
  /** Bytes, of a file. */
  readonly size: number;
  readonly isExecutable: boolean;
}

export interface FactsNews {
  /** A closure has been read that somebody did not wait for. */
  onClosure(): void;
  /** A path of which something was told has become valid, or is valid no longer. */
  onValidity(): void;
}

export class Facts implements AsyncDisposable {
  readonly url: string;
  readonly #store: Promise<AskedStore>;
  readonly #sizes: ClosureSizes;
  readonly #validity: ToldValidity;
  readonly index: StoreIndex;
  #folders: Promise<Folders> | undefined;

  /** @param url as `--store` takes it */
  constructor(url: string, news: FactsNews) {
    this.url = url;
    this.#store = openAskedStore(url);
    this.#store.catch(() => undefined); // told to whoever asks
    this.#sizes = new ClosureSizes(
      (path, signal) => this.closure(path, { signal }),
      () => {
        news.onClosure();
      },
    );
    this.#validity = new ToldValidity(this, () => {
      news.onValidity();
    });
    this.index = new StoreIndex(this);
  }

  get store(): Promise<AskedStore> {
    return this.#store;
  }

  /** @throws {LaminixError} ERR_UNSUPPORTED where the store is a binary cache */
  async daemon(): Promise<NixStore> {
    const store = await this.#store;
    if (isDaemon(store)) return store;
    throw new LaminixError("ERR_UNSUPPORTED", `${store.url} is a binary cache, and only a daemon knows that`);
  }

  async storeDir(asking: Asking): Promise<string> {
    return (await this.#store).storeDir(asking);
  }

  /** `undefined` if it is not valid. */
  async pathInfo(path: StorePath, asking: Asking): Promise<PathInfo | undefined> {
    const info = await (await this.#store).pathInfo(path, asking);
    this.#validity.tell(path, info !== undefined);
    return info;
  }

  /** Those of the paths that are valid, asked at once. */
  async validPaths(paths: readonly StorePath[], asking: Asking): Promise<ReadonlySet<StorePath>> {
    const valid = await this.askValid(paths, asking);
    for (const path of paths) this.#validity.tell(path, valid.has(path));
    return valid;
  }

  /** Asks whether what was told of paths is still so. */
  async checkValidity(): Promise<void> {
    await this.#validity.check();
  }

  /** The same as {@link validPaths}, for {@link ToldValidity}. */
  async askValid(paths: readonly StorePath[], asking: Asking): Promise<ReadonlySet<StorePath>> {
    const store = await this.#store;
    if (paths.length === 0) return new Set();
    if (isDaemon(store)) return new Set(await store.validPaths(paths, asking));
    const valid = await Promise.all(paths.map((path) => store.isValidPath(path, asking)));
    return new Set(paths.filter((_, i) => valid[i]));
  }

  async pathFromHashPart(hashPart: string, asking: Asking): Promise<StorePath | undefined> {
    return (await this.#store).pathFromHashPart(hashPart, asking);
  }

  async closure(path: StorePath, asking: Asking): Promise<Closure> {
    return (await this.#store).closure([path], asking);
  }

  /** See {@link ClosureSizes}. */
  async closureTotals(
    info: PathInfo,
    patience: number,
    { signal }: Asking,
  ): Promise<ClosureTotals | undefined> {
    return this.#sizes.of(info, patience, signal);
  }

  /** Other paths that reference it; `undefined` where the store does not know. */
  async referrers(path: StorePath, asking: Asking): Promise<StorePath[] | undefined> {
    const store = await this.#store;
    if (!isDaemon(store)) return undefined;
    return (await store.referrers(path, asking)).filter((each) => each !== path);
  }

  /** @throws {LaminixError} ERR_DERIVATION, ERR_PATH_NOT_VALID, ERR_FILE_READ, … */
  async derivation(path: StorePath, asking: Asking): Promise<Derivation> {
    const store = await this.#store;
    if (isDaemon(store)) return store.derivation(path, asking);
    const { readDerivationValue } = await import("../store/readDerivation.js");
    return readDerivationValue(store, path, asking);
  }

  /** The folder of this disk that has the store's files; `undefined` where they are on another. */
  async folder(asking: Asking): Promise<string | undefined> {
    const store = await this.#store;
    if (!isDaemon(store)) return undefined;
    const { parseStoreUrl } = await import("../store/location.js");
    return parseStoreUrl(store.url).physicalDir(await this.storeDir(asking));
  }

  /** Where the files of a store path are on this disk; `undefined` where they are on another. */
  async realPath(path: StorePath): Promise<string | undefined> {
    const store = await this.#store;
    try {
      return isDaemon(store) ? store.realPath(path) : undefined;
    } catch (error) {
      if (error instanceof LaminixError && error.code === "ERR_PATH_NOT_ON_DISK") return undefined;
      throw error;
    }
  }

  /** What is at a place in a store path, a link not followed; `undefined` where nothing is, or not on this disk. */
  async placeIn(path: StorePath, inside: string): Promise<RealPlace | undefined> {
    const whole = normalise(`${path}/${inside}`);
    if (whole !== path && !whole.startsWith(`${path}/`)) return undefined;
    const real = await this.realPath(path);
    if (real === undefined) return undefined;
    const place = join(real, whole.slice(path.length));
    try {
      const stats = await lstat(place);
      const kind = stats.isFile()
        ? "file"
        : stats.isDirectory()
          ? "folder"
          : stats.isSymbolicLink()
            ? "link"
            : "other";
      return { place, kind, size: stats.size, isExecutable: kind === "file" && (stats.mode & 0o111) !== 0 };
    } catch {
      return undefined; // nothing is there
    }
  }

  /** What is in a folder of a store path; empty `inside` for the path itself. */
  async folderEntries(path: StorePath, inside: string, asking: Asking): Promise<FolderEntries> {
    this.#folders ??= import("./folderEntries.js").then(({ Folders }) => new Folders(this));
    return (await this.#folders).entries(path, inside, asking);
  }

  /** The file or the folder of this disk that a path in the store leads to; `undefined` where it leads out of the store. */
  async followed(
    path: string,
    asking: Asking,
  ): Promise<{ readonly place: string; readonly kind: "file" | "folder" } | undefined> {
    const store = await this.#store;
    if (!isDaemon(store)) return undefined;
    const get = (each: string): string | undefined => {
      try {
        return store.realPath(each);
      } catch {
        return undefined; // on another disk, or nowhere
      }
    };
    const { followLink } = await import("../mounts/followLink.js");
    const place = followLink(path, { storeDir: await this.storeDir(asking), sources: { get } });
    if (place === undefined) return undefined;
    return { place, kind: (await lstat(place)).isDirectory() ? "folder" : "file" };
  }

  /** The store path of a text that names one. @throws {LaminixError} ERR_STORE_PATH, ERR_OUTSIDE_STORE */
  async storePath(text: string, asking: Asking): Promise<StorePath> {
    return toStorePath(text, await this.storeDir(asking));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#sizes.close();
    this.index.close();
    this.#validity.close();
    const store = await this.#store.catch(() => undefined);
    await store?.close();
  }
}
