/** A Nix store behind a daemon: what can be asked of it. What only some programs do is loaded when it is first done. */
import {
  checkGiven,
  keysOf,
  requireBoolean,
  requireCount,
  requireKnown,
  requireOptions,
  requireString,
  requireStrings,
} from "../arguments.js";
import { LaminixError } from "../errors.js";
import type { Target } from "./builds.js";
import { Closure, type PathInfo } from "./closure.js";
import { CLOSURE_MEMORY, ClosureMemory, type FoundClosure } from "./closureMemory.js";
import { fromNative, sizeOf } from "./columns.js";
import type { CallOptions } from "./connection.js";
import { Connections } from "./connections.js";
import type { Derivation } from "./derivationValue.js";
import { parseStoreUrl, type StoreLocation } from "./location.js";
import type { PathFiles } from "../nar/source.js";
import { notValid, toPathInfo } from "./pathInfo.js";
import { StoreDirectory } from "./storeDirectory.js";
import { realPath } from "./realPath.js";
import { hashPart, type StorePath, toStorePath } from "./storePath.js";
import type { Missing, Substitutable } from "./substitution.js";
import { checkWorkOptions, work, WORK_KEYS, type WorkOptions } from "./work.js";

/** Facts about a store. */
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

export interface StoreOptions {
  /**
   * Bytes for closures that are kept, of which the least recently used go first; default: 64 MiB. With 0 each closure is
   * asked for in full. See docs/store.md, "Closures are remembered".
   */
  readonly closureMemory?: number;
}

/** Those of `openStore` too. */
const STORE_KEYS = keysOf<StoreOptions & CallOptions>({ closureMemory: true, signal: true });

/** The questions of a store; see {@link NixStore}. */
export abstract class DaemonStore implements AsyncDisposable {
  readonly url: string;
  /** A daemon's hashes are those that its paths were registered with. */
  readonly vouchesForHashes = true;
  #parsed: StoreLocation | undefined;
  #opened: Connections | undefined;
  readonly #directory = new StoreDirectory();
  readonly #closures: ClosureMemory;
  #closed: LaminixError | undefined;

  /**
   * @param url `auto`, `daemon`, `unix:///path/to/socket` or `ssh-ng://host`, with Nix's parameters; looked at when
   *   first needed
   */
  constructor(url: string, options: StoreOptions = {}) {
    requireString(url, "url");
    requireKnown(options, STORE_KEYS);
    checkGiven(options, "options", { closureMemory: requireCount });
    this.url = url;
    this.#closures = new ClosureMemory(options.closureMemory ?? CLOSURE_MEMORY);
  }

  protected get location(): StoreLocation {
    return (this.#parsed ??= parseStoreUrl(this.url));
  }

  protected get daemon(): { readonly connections: Connections; readonly isRemote: boolean } {
    const isRemote = this.location.targets.some((target) => !("socket" in target));
    return { connections: this.connections, isRemote };
  }

  protected get connections(): Connections {
    if (this.#closed) throw this.#closed;
    return (this.#opened ??= new Connections(this.location.targets, this.location.maxConnections));
  }

  // --- The store itself ---

  /**
   * The store's directory, asked of the daemon: the protocol has no question for it, but a daemon refuses paths that
   * are not in it.
   * @param options.near a path that may be in the store
   * @throws {LaminixError} ERR_STORE_DIR_UNKNOWN when the store is empty and elsewhere than anything said
   */
  async storeDir(options: CallOptions & { readonly near?: string | undefined } = {}): Promise<string> {
    requireOptions(options);
    if (options.near !== undefined) requireString(options.near, "options.near");
    return this.learnStoreDir(options.near, options);
  }

  async info(options: CallOptions = {}): Promise<StoreInfo> {
    const storeDir = await this.storeDir(options);
    const { version, minor, trusted, features } = await this.connections.handshake(options);
    return { url: this.url, storeDir, version, protocol: `1.${String(minor)}`, trusted, features };
  }

  // --- Questions about paths ---

  /** Whether a path is valid: complete and registered. */
  async isValidPath(path: string, options: CallOptions = {}): Promise<boolean> {
    return this.connections.ask("isValidPath", { path: await this.pathOf(path, options) }, options);
  }

  /**
   * Those of the paths that are valid.
   * @param options.substitute fetches first what is not, where a substituter has it
   */
  async validPaths(
    paths: readonly string[],
    options: WorkOptions & { readonly substitute?: boolean } = {},
  ): Promise<StorePath[]> {
    requireKnown(options, [...WORK_KEYS, "substitute"]);
    const { substitute = false } = options;
    requireBoolean(substitute, "options.substitute");
    const request = { paths: await this.pathsOf(paths, options), substitute };
    const valid = substitute
      ? await work(this.connections, "validPaths", request, options)
      : await this.connections.ask("validPaths", request, options);
    return [...valid];
  }

  async allValidPaths(options: CallOptions = {}): Promise<StorePath[]> {
    await this.storeDir(options);
    return [...(await this.connections.ask("allValidPaths", {}, options))];
  }

  /** The store's facts about a path; `undefined` if it is not valid. */
  async pathInfo(path: string, options: CallOptions = {}): Promise<PathInfo | undefined> {
    const storePath = await this.pathOf(path, options);
    const info = await this.connections.ask("pathInfo", { path: storePath }, options);
    return info ? toPathInfo(storePath, info) : undefined;
  }

  /** The same for many paths at once, in their order. */
  async pathInfos(paths: readonly string[], options: CallOptions = {}): Promise<(PathInfo | undefined)[]> {
    const storePaths = await this.pathsOf(paths, options);
    return Promise.all(storePaths.map((path) => this.pathInfo(path, options)));
  }

  /** The valid path with a hash part (the 32 characters before the name), if there is one. */
  async pathFromHashPart(hash: string, options: CallOptions = {}): Promise<StorePath | undefined> {
    requireString(hash, "hash");
    const dir = await this.storeDir(options);
    const request = { hashPart: hashPart(toStorePath(`${dir}/${hash}-x`, dir)) };
    return (await this.connections.ask("pathFromHashPart", request, options)) ?? undefined;
  }

  /**
   * The closure of the paths. It is kept, and given again for as long as the daemon says the same of the paths.
   * @param paths store paths, or paths inside them
   * @throws {LaminixError} ERR_PATH_NOT_VALID
   */
  async closure(paths: string | readonly string[], options: CallOptions = {}): Promise<Closure> {
    const roots = await this.pathsOf(typeof paths === "string" ? [paths] : paths, options);
    const dir = await this.learnStoreDir(roots[0], options);
    const columns = await this.#closures.answer(roots, {
      rootInfo: (path) => this.pathInfo(path, options),
      closure: (onStart) => this.#askClosure(roots, dir, onStart, options),
    });
    // A new one each time: what one user makes of it is no other's.
    return new Closure(columns);
  }

  /** The valid paths that reference a path directly; itself is one of them if it refers to itself. */
  async referrers(path: string, options: CallOptions = {}): Promise<StorePath[]> {
    const request = { path: await this.pathOf(path, options) };
    return [...(await this.connections.ask("referrers", request, options))];
  }

  /** The paths with all valid ones that reference them, directly or not; in no particular order. */
  async referrersClosure(paths: string | readonly string[], options: CallOptions = {}): Promise<StorePath[]> {
    const roots = await this.pathsOf(typeof paths === "string" ? [paths] : paths, options);
    const { referrersClosure } = await import("./referrers.js");
    return referrersClosure(this.connections, roots, options);
  }

  /** Valid derivations that have the path as an output. */
  async validDerivers(path: string, options: CallOptions = {}): Promise<StorePath[]> {
    const request = { path: await this.pathOf(path, options) };
    return [...(await this.connections.ask("validDerivers", request, options))];
  }

  /** A derivation's outputs by name; `undefined` for those whose paths are known only once they are built. */
  async derivationOutputs(
    derivation: string,
    options: CallOptions = {},
  ): Promise<Map<string, StorePath | undefined>> {
    const request = { path: await this.pathOf(derivation, options) };
    const outputs = await this.connections.ask("derivationOutputs", request, options);
    return new Map(outputs.map(({ name, path }) => [name, path ?? undefined]));
  }

  /**
   * What a derivation says: its outputs, inputs, builder and environment.
   * @throws {LaminixError} ERR_PATH_NOT_VALID, ERR_DERIVATION; ERR_UNSUPPORTED for dynamic derivations; ERR_FILE_READ
   */
  async derivation(path: string, options: CallOptions = {}): Promise<Derivation> {
    const storePath = await this.pathOf(path, options);
    const { readDerivationValue } = await import("./readDerivation.js");
    return readDerivationValue(this, storePath, options);
  }

  /** What would be built and fetched to make these valid. @param targets as of `build` */
  async missing(targets: readonly string[], options: CallOptions = {}): Promise<Missing> {
    const { formatTarget } = await import("./builds.js");
    const request = { targets: (await this.targetsOf(targets, options)).map(formatTarget) };
    return await this.connections.ask("missing", request, options);
  }

  /** What the daemon's substituters have of these paths; those that they lack are not in the map. */
  async substitutableInfos(
    paths: readonly string[],
    options: CallOptions = {},
  ): Promise<Map<StorePath, Substitutable>> {
    const wanted = await this.pathsOf(paths, options);
    const request = { paths: wanted.map((path) => ({ path, ca: "" })) };
    const { toSubstitutables } = await import("./substitution.js");
    return toSubstitutables(await this.connections.ask("substitutablePathInfos", request, options));
  }

  // --- Contents ---

  /**
   * A path's NAR, in pieces that may be kept. It is compared with the hash and the size that the store knows.
   * @throws {LaminixError} ERR_PATH_NOT_VALID, ERR_NAR_HASH
   */
  async *nar(path: string, options: CallOptions = {}): AsyncGenerator<Uint8Array, void, void> {
    const storePath = await this.pathOf(path, options);
    const { readNar } = await import("./narStream.js");
    yield* this.connections.streaming((connection) => readNar(connection, storePath, options), options);
  }

  /**
   * Where a valid path's files are on this disk, which in a chroot store is not the path itself.
   * @throws {LaminixError} ERR_PATH_NOT_ON_DISK
   */
  realPath(path: string): string {
    return realPath(path, this.location);
  }

  /**
   * A valid path's files, to make a layer of: those on this disk, or else the path's NAR.
   * @throws {LaminixError} ERR_PATH_NOT_VALID
   */
  async open(path: StorePath): Promise<PathFiles> {
    try {
      return { disk: this.realPath(path) };
    } catch (error) {
      if (!(error instanceof LaminixError) || error.code !== "ERR_PATH_NOT_ON_DISK") throw error;
    }
    const info = await this.pathInfo(path);
    if (!info) throw notValid(path);
    const { narHash, narSize } = info;
    return { narHash, narSize, nar: (options) => this.nar(path, options) };
  }

  /** Ends all connections and rejects open questions. Idempotent. */
  async close(): Promise<void> {
    this.#closures.clear();
    this.#closed ??= new LaminixError("ERR_CLOSED", `the store ${this.url} has been closed`);
    await this.#opened?.close(this.#closed);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  protected async pathOf(path: string, options: WorkOptions): Promise<StorePath> {
    checkWorkOptions(options);
    requireString(path, "path");
    return toStorePath(path, await this.learnStoreDir(path, options));
  }

  protected async pathsOf(paths: readonly string[], options: WorkOptions): Promise<StorePath[]> {
    checkWorkOptions(options);
    requireStrings(paths, "paths");
    const dir = await this.learnStoreDir(paths[0], options);
    return paths.map((path) => toStorePath(path, dir));
  }

  protected async targetsOf(targets: readonly string[], options: CallOptions): Promise<Target[]> {
    requireOptions(options);
    requireStrings(targets, "targets");
    const { parseTarget } = await import("./builds.js");
    const dir = await this.learnStoreDir(targets[0], options);
    return targets.map((target) => parseTarget(target, dir));
  }

  /** What may change something about paths that are valid, and stay so: no closure of before is given again. */
  protected async changing<T>(change: () => Promise<T>): Promise<T> {
    try {
      return await change();
    } finally {
      this.#closures.clear();
    }
  }

  async #askClosure(
    roots: readonly StorePath[],
    dir: string,
    onStart: () => void,
    options: CallOptions,
  ): Promise<FoundClosure> {
    const native = await this.connections.query(
      ["closure", dir, roots],
      (connection, { handshake }) => {
        onStart();
        return connection.closure(dir, roots, handshake.features.includes("queryPathInfos"));
      },
      options,
    );
    return { columns: fromNative(native, dir), bytes: sizeOf(native) };
  }

  protected async learnStoreDir(path: string | undefined, options: CallOptions): Promise<string> {
    return this.#directory.learn(this.connections, this.location, path, options);
  }
}
