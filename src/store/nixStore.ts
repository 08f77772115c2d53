/** A Nix store behind a daemon. */
import { lstatSync } from "node:fs";
import { abortable } from "../abort.js";
import { LaminixError } from "../errors.js";
import { Closure, type PathInfo } from "./closure.js";
import { fromNative } from "./columns.js";
import { type CallOptions, Connection, isDisconnected } from "./connection.js";
import { parseStoreUrl, type StoreLocation } from "./location.js";
import type { NativeCall, NativeConnection } from "./native.js";
import { baseName, checkStoreDir, storeDirOf, type StorePath, toStorePath } from "./storePath.js";
import { TempRoots } from "./tempRoots.js";

/** What a store says of itself. */
export interface StoreInfo {
  readonly url: string;
  readonly storeDir: string;
  /** The daemon's Nix version, from Nix 2.7 on. */
  readonly version: string | null;
  /** The protocol spoken, such as `1.34`. */
  readonly protocol: string;
  /** Whether the daemon trusts this user, from Nix 2.15 on. */
  readonly trusted: boolean | null;
  readonly features: readonly string[];
}

/**
 * A store. It connects when first asked, pipelines what is asked at once, reconnects when the connection is lost, and
 * does not keep the process alive.
 */
export class NixStore implements AsyncDisposable {
  readonly url: string;
  #parsed: StoreLocation | undefined;
  #connection: Promise<Connection> | undefined;
  #storeDir: Promise<string> | undefined;
  /** Aborted when closed, so that nobody waits for a daemon that does not greet. */
  readonly #end = new AbortController();

  /** @param url `auto`, `daemon` or `unix:///path/to/socket`, with Nix's parameters; looked at when first needed */
  constructor(url: string) {
    this.url = url;
  }

  get #location(): StoreLocation {
    return (this.#parsed ??= parseStoreUrl(this.url));
  }

  /**
   * The store's directory, asked of the daemon: the protocol has no question for it, but a daemon refuses paths that
   * are not in it.
   * @throws {LaminixError} ERR_STORE_DIR_UNKNOWN when the store is empty and elsewhere than anything said
   */
  async storeDir(options: CallOptions = {}): Promise<string> {
    return this.#learnStoreDir(undefined, options);
  }

  async info(options: CallOptions = {}): Promise<StoreInfo> {
    const storeDir = await this.storeDir(options);
    const { version, minor, trusted, features } = (await this.#connected(options)).handshake;
    return { url: this.url, storeDir, version, protocol: `1.${String(minor)}`, trusted, features };
  }

  /** Whether a path is in the store, whole and registered. */
  async isValidPath(path: string, options: CallOptions = {}): Promise<boolean> {
    const storePath = await this.#storePath(path, options);
    return this.#ask((native) => native.ask("isValidPath", { path: storePath }), options);
  }

  /** What the store knows of a path; `undefined` where it is not valid. */
  async pathInfo(path: string, options: CallOptions = {}): Promise<PathInfo | undefined> {
    const storePath = await this.#storePath(path, options);
    const native = await this.#ask((connection) => connection.ask("pathInfo", { path: storePath }), options);
    if (!native) return undefined;
    const { deriver, ca, narHash, references, ...rest } = native;
    return {
      path: storePath,
      narHash: `sha256-${Buffer.from(narHash, "hex").toString("base64")}`,
      references: references as StorePath[],
      ...rest,
      ...(deriver !== null && { deriver: deriver as StorePath }),
      ...(ca !== null && { ca }),
    };
  }

  async allValidPaths(options: CallOptions = {}): Promise<StorePath[]> {
    await this.storeDir(options);
    return (await this.#ask((native) => native.ask("allValidPaths", {}), options)) as StorePath[];
  }

  /**
   * The valid path with a hash part (the 32 characters before the name), if there is one.
   * @throws {LaminixError} ERR_STORE_PATH
   */
  async pathFromHashPart(hash: string, options: CallOptions = {}): Promise<StorePath | undefined> {
    const dir = await this.storeDir(options);
    toStorePath(`${dir}/${hash}-x`, dir);
    return ((await this.#ask((native) => native.ask("pathFromHashPart", { hashPart: hash }), options)) ??
      undefined) as StorePath | undefined;
  }

  /**
   * The paths with all that they reference, directly or not.
   * @param paths store paths, or paths inside them
   * @throws {LaminixError} ERR_PATH_NOT_VALID, ERR_OUTSIDE_STORE, ERR_STORE_PATH
   */
  async closure(paths: string | readonly string[], options: CallOptions = {}): Promise<Closure> {
    const given = typeof paths === "string" ? [paths] : paths;
    const dir = await this.#learnStoreDir(given[0], options);
    const roots = given.map((path) => toStorePath(path, dir));
    const columns = await this.#ask((native) => native.closure(dir, roots), options);
    return new Closure(fromNative(columns, dir));
  }

  /**
   * Keeps paths, and so their closures, from being collected as garbage until the roots are closed.
   * @throws {LaminixError} ERR_PATH_NOT_VALID
   */
  async tempRoots(paths: readonly string[], options: CallOptions = {}): Promise<TempRoots> {
    const dir = await this.#learnStoreDir(paths[0], options);
    const roots = paths.map((path) => toStorePath(path, dir));
    return TempRoots.take(this.#location.targets, roots, options);
  }

  /**
   * Where a valid path's files are: the place on this disk, which in a chroot store is not the path itself.
   * @throws {LaminixError} ERR_PATH_NOT_ON_DISK
   */
  open(path: StorePath): { readonly disk: string } {
    const dir = path.slice(0, path.lastIndexOf("/"));
    const disk = `${this.#location.physicalDir(dir)}/${baseName(path)}`;
    if (lstatSync(disk, { throwIfNoEntry: false })) return { disk };
    throw new LaminixError(
      "ERR_PATH_NOT_ON_DISK",
      `${path} is valid in ${this.url} but its files are not at ${disk}`,
      {
        details: { path, disk },
        hint: "where the store's files are elsewhere, say so with ?root= or ?real= in the store's URL",
      },
    );
  }

  /** Ends the connection; unanswered questions are rejected. May be called again. */
  async close(): Promise<void> {
    this.#end.abort(new LaminixError("ERR_CLOSED", `the store ${this.url} has been closed`));
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.then(
      (open) => {
        open.close();
      },
      () => undefined,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #storePath(path: string, options: CallOptions): Promise<StorePath> {
    return toStorePath(path, await this.#learnStoreDir(path, options));
  }

  /** All questions here may be asked again, so one that a lost connection left unanswered is, once. */
  async #ask<T>(question: (native: NativeConnection) => NativeCall<T>, options: CallOptions): Promise<T> {
    const connection = await this.#connected(options);
    try {
      return await connection.call(question, options);
    } catch (error) {
      if (this.#end.signal.aborted || !isDisconnected(error)) throw error;
      connection.close();
      return (await this.#connected(options)).call(question, options);
    }
  }

  async #connected(options: CallOptions): Promise<Connection> {
    this.#end.signal.throwIfAborted();
    options.signal?.throwIfAborted();
    const before = this.#connection;
    const current = before && (await abortable(before, options.signal));
    if (current?.isOpen) return current;
    // Of all who find it closed, the first one makes another.
    if (this.#connection === before) this.#connection = undefined;
    return abortable((this.#connection ??= this.#open()), options.signal);
  }

  /** Shared by all who ask meanwhile, so one caller's signal must not end it for the others. */
  #open(): Promise<Connection> {
    const opening = Connection.open(this.#location.targets, { signal: this.#end.signal });
    opening.catch(() => {
      if (this.#connection === opening) this.#connection = undefined;
    });
    return opening;
  }

  async #learnStoreDir(path: string | undefined, options: CallOptions): Promise<string> {
    this.#end.signal.throwIfAborted();
    // Shared by all who ask meanwhile, so one caller's signal must not end it for the others.
    const learning = (this.#storeDir ??= this.#askStoreDir(path));
    learning.catch(() => {
      if (this.#storeDir === learning) this.#storeDir = undefined;
    });
    return abortable(learning, options.signal);
  }

  /** A candidate is confirmed by a path that is not there: only a daemon whose store is elsewhere refuses it. */
  async #askStoreDir(path: string | undefined): Promise<string> {
    const { NIX_STORE_DIR, NIX_STORE } = process.env;
    const fromPath = path === undefined ? undefined : storeDirOf(path);
    const said = this.#location.storeDir ?? fromPath ?? NIX_STORE_DIR ?? NIX_STORE;
    const candidates = [...new Set([checkStoreDir(said ?? "/nix/store"), "/nix/store"])];
    for (const [i, dir] of candidates.entries()) {
      const connection = await this.#connected({});
      try {
        await connection.call((native) => native.ask("isValidPath", { path: `${dir}/${"0".repeat(32)}-x` }));
        return dir;
      } catch (error) {
        if (!(error instanceof LaminixError) || error.code !== "ERR_DAEMON") throw error;
        connection.close(); // a daemon that refuses an argument hangs up
      }
      if (i > 0) continue;
      const [first] = await this.#ask((native) => native.ask("allValidPaths", {}), {});
      if (first !== undefined) return first.slice(0, first.lastIndexOf("/"));
    }
    throw new LaminixError(
      "ERR_STORE_DIR_UNKNOWN",
      `the store of ${this.url} is empty, and not at ${candidates.join(" or ")}`,
      {
        hint: "say where it is with ?store=/its/folder in the store's URL, or NIX_STORE_DIR",
      },
    );
  }
}

/**
 * Opens a store and connects to it.
 * @param url `auto`, `daemon` or `unix:///path/to/socket`, with Nix's parameters
 * @throws {LaminixError} ERR_STORE_URL, ERR_ADDON_MISSING, ERR_NO_DAEMON, ERR_DAEMON_TIMEOUT, ERR_DAEMON_PROTOCOL
 */
export async function openStore(url = "auto", options: CallOptions = {}): Promise<NixStore> {
  const store = new NixStore(url);
  try {
    await store.storeDir(options);
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}
