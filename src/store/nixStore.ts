/** A Nix store behind a daemon. What only some programs do is loaded when it is first done. */
import { basename } from "node:path";
import {
  requireBoolean,
  requireByteStream,
  requireOneOf,
  requireOptions,
  requireString,
  requireStrings,
} from "../arguments.js";
import { once } from "../bytes/bytes.js";
import { LaminixError } from "../errors.js";
import type { AddOptions, NarInfo } from "./additions.js";
import type { BuildOptions, BuildResult, Target } from "./builds.js";
import { BuildRun } from "./buildRun.js";
import { Closure, type PathInfo } from "./closure.js";
import { fromNative } from "./columns.js";
import type { CallOptions } from "./connection.js";
import { Connections } from "./connections.js";
import type { Garbage, GarbageOptions, KeepingRoot, Root } from "./garbage.js";
import { parseStoreUrl, type StoreLocation } from "./location.js";
import type { PathFiles } from "../nar/source.js";
import { notValid, toPathInfo } from "./pathInfo.js";
import { StoreDirectory } from "./storeDirectory.js";
import { realPath } from "./realPath.js";
import { checkName, hashPart, type StorePath, toStorePath } from "./storePath.js";
import type { Missing, Substitutable } from "./substitution.js";
import { TempRoots } from "./tempRoots.js";
import { checkBuildSettings, checkWorkOptions, work, type WorkOptions } from "./work.js";

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

/**
 * A store. It connects when first asked, pipelines what is asked at once, reconnects when the connection is lost, and
 * does not keep the process alive. Long work (NARs, builds, additions, collecting garbage) has connections of its own,
 * a few at a time, so that no question waits behind it.
 *
 * Every method rejects with an `ArgumentError` (ERR_ARGUMENT) for a wrong argument, with ERR_STORE_PATH or
 * ERR_OUTSIDE_STORE for a path that is none of the store's, with ERR_DAEMON where the daemon refuses, and with what
 * connecting can throw: ERR_STORE_URL, ERR_ADDON_MISSING, ERR_NO_DAEMON, ERR_DAEMON_TIMEOUT, ERR_DAEMON_PROTOCOL,
 * ERR_DAEMON_DISCONNECTED.
 */
export class NixStore implements AsyncDisposable {
  readonly url: string;
  /** A daemon's hashes are those that its paths were registered with. */
  readonly vouchesForHashes = true;
  #parsed: StoreLocation | undefined;
  #opened: Connections | undefined;
  readonly #directory = new StoreDirectory();
  #closed: LaminixError | undefined;

  /**
   * @param url `auto`, `daemon`, `unix:///path/to/socket` or `ssh-ng://host`, with Nix's parameters; looked at when
   *   first needed
   */
  constructor(url: string) {
    requireString(url, "url");
    this.url = url;
  }

  get #location(): StoreLocation {
    return (this.#parsed ??= parseStoreUrl(this.url));
  }

  get #daemon(): { readonly connections: Connections; readonly isRemote: boolean } {
    const isRemote = this.#location.targets.some((target) => !("socket" in target));
    return { connections: this.#connections, isRemote };
  }

  get #connections(): Connections {
    if (this.#closed) throw this.#closed;
    return (this.#opened ??= new Connections(this.#location.targets, this.#location.maxConnections));
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
    return this.#learnStoreDir(options.near, options);
  }

  async info(options: CallOptions = {}): Promise<StoreInfo> {
    const storeDir = await this.storeDir(options);
    const { version, minor, trusted, features } = await this.#connections.handshake(options);
    return { url: this.url, storeDir, version, protocol: `1.${String(minor)}`, trusted, features };
  }

  // --- Questions about paths ---

  /** Whether a path is valid: complete and registered. */
  async isValidPath(path: string, options: CallOptions = {}): Promise<boolean> {
    return this.#connections.ask("isValidPath", { path: await this.#path(path, options) }, options);
  }

  /**
   * Those of the paths that are valid.
   * @param options.substitute fetches first what is not, where a substituter has it
   */
  async validPaths(
    paths: readonly string[],
    options: WorkOptions & { readonly substitute?: boolean } = {},
  ): Promise<StorePath[]> {
    const { substitute = false } = options;
    requireBoolean(substitute, "options.substitute");
    const request = { paths: await this.#paths(paths, options), substitute };
    const valid = substitute
      ? await work(this.#connections, "validPaths", request, options)
      : await this.#connections.ask("validPaths", request, options);
    return [...valid];
  }

  async allValidPaths(options: CallOptions = {}): Promise<StorePath[]> {
    await this.storeDir(options);
    return [...(await this.#connections.ask("allValidPaths", {}, options))];
  }

  /** The store's facts about a path; `undefined` if it is not valid. */
  async pathInfo(path: string, options: CallOptions = {}): Promise<PathInfo | undefined> {
    const storePath = await this.#path(path, options);
    const info = await this.#connections.ask("pathInfo", { path: storePath }, options);
    return info ? toPathInfo(storePath, info) : undefined;
  }

  /** The same for many paths at once, in their order. */
  async pathInfos(paths: readonly string[], options: CallOptions = {}): Promise<(PathInfo | undefined)[]> {
    const storePaths = await this.#paths(paths, options);
    return Promise.all(storePaths.map((path) => this.pathInfo(path, options)));
  }

  /** The valid path with a hash part (the 32 characters before the name), if there is one. */
  async pathFromHashPart(hash: string, options: CallOptions = {}): Promise<StorePath | undefined> {
    requireString(hash, "hash");
    const dir = await this.storeDir(options);
    const request = { hashPart: hashPart(toStorePath(`${dir}/${hash}-x`, dir)) };
    return (await this.#connections.ask("pathFromHashPart", request, options)) ?? undefined;
  }

  /**
   * The closure of the paths.
   * @param paths store paths, or paths inside them
   * @throws {LaminixError} ERR_PATH_NOT_VALID
   */
  async closure(paths: string | readonly string[], options: CallOptions = {}): Promise<Closure> {
    const roots = await this.#paths(typeof paths === "string" ? [paths] : paths, options);
    const dir = await this.#learnStoreDir(roots[0], options);
    const columns = await this.#connections.query(
      ["closure", dir, roots],
      (native, { handshake }) => native.closure(dir, roots, handshake.features.includes("queryPathInfos")),
      options,
    );
    return new Closure(fromNative(columns, dir));
  }

  /** The valid paths that reference a path directly; itself is one of them if it refers to itself. */
  async referrers(path: string, options: CallOptions = {}): Promise<StorePath[]> {
    const request = { path: await this.#path(path, options) };
    return [...(await this.#connections.ask("referrers", request, options))];
  }

  /** The paths with all valid ones that reference them, directly or not; in no particular order. */
  async referrersClosure(paths: string | readonly string[], options: CallOptions = {}): Promise<StorePath[]> {
    const roots = await this.#paths(typeof paths === "string" ? [paths] : paths, options);
    const { referrersClosure } = await import("./referrers.js");
    return referrersClosure(this.#connections, roots, options);
  }

  /** Valid derivations that have the path as an output. */
  async validDerivers(path: string, options: CallOptions = {}): Promise<StorePath[]> {
    const request = { path: await this.#path(path, options) };
    return [...(await this.#connections.ask("validDerivers", request, options))];
  }

  /** A derivation's outputs by name; `undefined` for those whose paths are known only once they are built. */
  async derivationOutputs(
    derivation: string,
    options: CallOptions = {},
  ): Promise<Map<string, StorePath | undefined>> {
    const request = { path: await this.#path(derivation, options) };
    const outputs = await this.#connections.ask("derivationOutputs", request, options);
    return new Map(outputs.map(({ name, path }) => [name, path ?? undefined]));
  }

  /** What would be built and fetched to make these valid. @param targets as of `build` */
  async missing(targets: readonly string[], options: CallOptions = {}): Promise<Missing> {
    const { formatTarget } = await import("./builds.js");
    const request = { targets: (await this.#targets(targets, options)).map(formatTarget) };
    return await this.#connections.ask("missing", request, options);
  }

  /** What the daemon's substituters have of these paths; those that they lack are not in the map. */
  async substitutableInfos(
    paths: readonly string[],
    options: CallOptions = {},
  ): Promise<Map<StorePath, Substitutable>> {
    const wanted = await this.#paths(paths, options);
    const request = { paths: wanted.map((path) => ({ path, ca: "" })) };
    const { toSubstitutables } = await import("./substitution.js");
    return toSubstitutables(await this.#connections.ask("substitutablePathInfos", request, options));
  }

  // --- Contents ---

  /**
   * A path's NAR, in pieces that may be kept. It is compared with the hash and the size that the store knows.
   * @throws {LaminixError} ERR_PATH_NOT_VALID, ERR_NAR_HASH
   */
  async *nar(path: string, options: CallOptions = {}): AsyncGenerator<Uint8Array, void, void> {
    const storePath = await this.#path(path, options);
    const { readNar } = await import("./narStream.js");
    yield* this.#connections.streaming((connection) => readNar(connection, storePath, options), options);
  }

  /**
   * Where a valid path's files are on this disk, which in a chroot store is not the path itself.
   * @throws {LaminixError} ERR_PATH_NOT_ON_DISK
   */
  realPath(path: string): string {
    return realPath(path, this.#location);
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

  // --- Additions ---

  /** Adds a text file; its path follows from its contents, name and references. */
  async addText(name: string, text: string, options: AddOptions = {}): Promise<PathInfo> {
    requireString(text, "text");
    return this.#add(name, "text:sha256", once(Buffer.from(text)), options);
  }

  /** Adds a file that is not executable. @param contents its bytes, whole or in pieces */
  async addFile(
    name: string,
    contents: Uint8Array | AsyncIterable<Uint8Array>,
    options: AddOptions = {},
  ): Promise<PathInfo> {
    if (!(contents instanceof Uint8Array)) requireByteStream(contents, "contents");
    const body = contents instanceof Uint8Array ? once(contents) : contents;
    return this.#add(name, "fixed:sha256", body, options);
  }

  /** Adds a file, a folder with its contents, or a link from this disk. @param name its file name unless given */
  async addPath(path: string, options: AddOptions & { readonly name?: string } = {}): Promise<PathInfo> {
    requireString(path, "path");
    requireOptions(options);
    const { name = basename(path) } = options;
    const { narOf } = await import("../nar/write.js");
    return this.#add(name, "fixed:r:sha256", narOf(path, { signal: options.signal }), options);
  }

  /** The same of what a NAR has. */
  async addNar(name: string, nar: AsyncIterable<Uint8Array>, options: AddOptions = {}): Promise<PathInfo> {
    requireByteStream(nar, "nar");
    return this.#add(name, "fixed:r:sha256", nar, options);
  }

  /**
   * Adds a path as another store had it. A daemon asks for a signature that it trusts, unless the path follows from its
   * contents or the user is trusted.
   * @throws {LaminixError} ERR_DAEMON for a NAR that is not the one that `info` describes, too
   */
  async importNar(
    info: NarInfo,
    nar: AsyncIterable<Uint8Array>,
    options: WorkOptions & { readonly checkSignatures?: boolean } = {},
  ): Promise<void> {
    const { checkNarInfo, importNar } = await import("./additions.js");
    checkNarInfo(info);
    requireByteStream(nar, "nar");
    if (options.checkSignatures !== undefined)
      requireBoolean(options.checkSignatures, "options.checkSignatures");
    const path = await this.#path(info.path, options);
    await importNar(this.#connections, { ...info, path }, nar, options);
  }

  async addSignatures(path: string, signatures: readonly string[], options: CallOptions = {}): Promise<void> {
    requireStrings(signatures, "signatures");
    const request = { path: await this.#path(path, options), signatures };
    await work(this.#connections, "addSignatures", request, options);
  }

  // --- Building ---

  /** Fetches a path unless it is valid. */
  async ensurePath(path: string, options: WorkOptions = {}): Promise<void> {
    await work(this.#connections, "ensurePath", { path: await this.#path(path, options) }, options);
  }

  /**
   * Builds or fetches. Await it for the results, iterate it for what happens meanwhile.
   * @param targets store paths: of a derivation all outputs are built, or those named after `^`
   * @throws {LaminixError} ERR_BUILD, with `details.results`
   */
  build(targets: string | readonly string[], options: BuildOptions = {}): BuildRun {
    return new BuildRun(async (onEvent): Promise<BuildResult[]> => {
      checkWorkOptions(options);
      checkBuildSettings(options);
      if (options.mode !== undefined)
        requireOneOf(options.mode, ["normal", "repair", "check"], "options.mode");
      const parsed = await this.#targets(typeof targets === "string" ? [targets] : targets, options);
      const onProgress: typeof onEvent = (event) => {
        options.onProgress?.(event);
        onEvent(event);
      };
      const withProgress = { ...options, onProgress };
      const { build } = await import("./builds.js");
      return this.#connections.exclusive((connection) => build(connection, parsed, withProgress), options);
    });
  }

  // --- Roots and garbage ---

  /**
   * Keeps paths, and so their closures, from being collected as garbage until the roots are closed.
   * @throws {LaminixError} ERR_PATH_NOT_VALID
   */
  async tempRoots(paths: readonly string[], options: CallOptions = {}): Promise<TempRoots> {
    return TempRoots.take(this.#location.targets, await this.#paths(paths, options), options);
  }

  /**
   * Makes a link to a path, and a root of it: the path and its closure are kept for as long as the link is there. A link
   * into the store that is there already is replaced; nothing else is.
   * @param link on the daemon's own disk; folders on the way are made
   * @returns the link's absolute path
   * @throws {LaminixError} ERR_PATH_NOT_VALID, ERR_GC_ROOT, ERR_FILE_WRITE; ERR_UNSUPPORTED for a store behind SSH
   */
  async addRoot(path: string, link: string, options: CallOptions = {}): Promise<string> {
    requireString(link, "link");
    const storePath = await this.#path(path, options);
    const { addRoot } = await import("./gcRoots.js");
    return addRoot(this, this.#daemon, storePath, link, options);
  }

  /**
   * Makes a link that leads to a store path a root for as long as it is there.
   * @param link its absolute path on the daemon's own disk
   * @throws {LaminixError} ERR_GC_ROOT where it is none that the daemon would take for a root
   */
  async addIndirectRoot(link: string, options: CallOptions = {}): Promise<void> {
    requireString(link, "link");
    requireOptions(options);
    const { addIndirectRoot } = await import("./gcRoots.js");
    await addIndirectRoot(this, this.#daemon, link, options);
  }

  /** All roots. A daemon hides from untrusted users where those of others are. */
  async roots(options: WorkOptions = {}): Promise<Root[]> {
    checkWorkOptions(options);
    return await work(this.#connections, "roots", {}, options);
  }

  /**
   * The roots that keep a path alive, each with the shortest chain of references from it to the path. Nix may keep
   * derivers and outputs besides, by its settings `keep-derivations` and `keep-outputs`.
   * @throws {LaminixError} ERR_PATH_NOT_VALID
   */
  async rootsOf(path: string, options: WorkOptions = {}): Promise<KeepingRoot[]> {
    const storePath = await this.#path(path, options);
    const { rootsOf } = await import("./gcRoots.js");
    return rootsOf(this, storePath, options);
  }

  /** Deletes what no root keeps alive, or lists it. */
  async collectGarbage(options: GarbageOptions = {}): Promise<Garbage> {
    requireOptions(options);
    const { paths: given = [] } = options;
    requireStrings(given, "options.paths");
    const paths = await this.#paths(given, options);
    const { collectGarbage } = await import("./garbage.js");
    return collectGarbage(this.#connections, { ...options, paths });
  }

  /**
   * Compares the store's database with its files, and with `checkContents` each file with its hash.
   * @param options.repair fetches again what is damaged; for trusted users
   * @returns whether all is well, or was repaired; events tell what is not
   */
  async verify(
    options: WorkOptions & { readonly checkContents?: boolean; readonly repair?: boolean } = {},
  ): Promise<boolean> {
    checkWorkOptions(options);
    const { checkContents = false, repair = false } = options;
    requireBoolean(checkContents, "options.checkContents");
    requireBoolean(repair, "options.repair");
    return !(await work(this.#connections, "verifyStore", { checkContents, repair }, options));
  }

  /** Replaces equal files by hard links. */
  async optimise(options: WorkOptions = {}): Promise<void> {
    checkWorkOptions(options);
    await work(this.#connections, "optimiseStore", {}, options);
  }

  /** Ends all connections and rejects open questions. Idempotent. */
  async close(): Promise<void> {
    this.#closed ??= new LaminixError("ERR_CLOSED", `the store ${this.url} has been closed`);
    await this.#opened?.close(this.#closed);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #path(path: string, options: WorkOptions): Promise<StorePath> {
    checkWorkOptions(options);
    requireString(path, "path");
    return toStorePath(path, await this.#learnStoreDir(path, options));
  }

  async #paths(paths: readonly string[], options: WorkOptions): Promise<StorePath[]> {
    checkWorkOptions(options);
    requireStrings(paths, "paths");
    const dir = await this.#learnStoreDir(paths[0], options);
    return paths.map((path) => toStorePath(path, dir));
  }

  async #targets(targets: readonly string[], options: CallOptions): Promise<Target[]> {
    requireOptions(options);
    requireStrings(targets, "targets");
    const { parseTarget } = await import("./builds.js");
    const dir = await this.#learnStoreDir(targets[0], options);
    return targets.map((target) => parseTarget(target, dir));
  }

  async #add(
    name: string,
    contentAddressMethod: string,
    body: AsyncIterable<Uint8Array>,
    options: AddOptions,
  ): Promise<PathInfo> {
    requireString(name, "name");
    requireOptions(options);
    const { references: given = [] } = options;
    requireStrings(given, "options.references");
    const references = await this.#paths(given, options);
    checkName(name);
    const { addToStore } = await import("./additions.js");
    return addToStore(this.#connections, { name, contentAddressMethod, references }, body, options);
  }

  async #learnStoreDir(path: string | undefined, options: CallOptions): Promise<string> {
    return this.#directory.learn(this.#connections, this.#location, path, options);
  }
}
