/** A Nix store behind a daemon. What only some programs do is loaded when it is first done. */
import { basename } from "node:path";
import {
  keysOf,
  requireBoolean,
  requireByteStream,
  requireKnown,
  requireOneOf,
  requireOptions,
  requireString,
  requireStrings,
} from "../arguments.js";
import { once } from "../bytes/bytes.js";
import type { AddOptions, NarInfo } from "./additions.js";
import type { BuildOptions, BuildResult } from "./builds.js";
import { BuildRun } from "./buildRun.js";
import type { PathInfo } from "./closure.js";
import type { CallOptions } from "./connection.js";
import type { Garbage, GarbageOptions, KeepingRoot, Root } from "./garbage.js";
import { checkName } from "./storePath.js";
import { TempRoots } from "./tempRoots.js";
import {
  BUILD_SETTINGS_KEYS,
  checkBuildSettings,
  checkWorkOptions,
  work,
  WORK_KEYS,
  type WorkOptions,
} from "./work.js";
import { DaemonStore } from "./daemonStore.js";

const ADD_KEYS = keysOf<AddOptions>({ signal: true, onProgress: true, references: true });
const BUILD_KEYS = [...WORK_KEYS, ...BUILD_SETTINGS_KEYS, "mode"];
const GARBAGE_KEYS = [...WORK_KEYS, "action", "paths", "maxFreed"];

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
export class NixStore extends DaemonStore {
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
    requireKnown(options, [...ADD_KEYS, "name"]);
    const { name = basename(path), ...rest } = options;
    const { narOf } = await import("../nar/write.js");
    return this.#add(name, "fixed:r:sha256", narOf(path, { signal: options.signal }), rest);
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
    requireKnown(options, [...WORK_KEYS, "checkSignatures"]);
    if (options.checkSignatures !== undefined)
      requireBoolean(options.checkSignatures, "options.checkSignatures");
    const path = await this.pathOf(info.path, options);
    await this.changing(() => importNar(this.connections, { ...info, path }, nar, options));
  }

  async addSignatures(path: string, signatures: readonly string[], options: CallOptions = {}): Promise<void> {
    requireStrings(signatures, "signatures");
    const request = { path: await this.pathOf(path, options), signatures };
    await this.changing(() => work(this.connections, "addSignatures", request, options));
  }

  // --- Building ---

  /** Fetches a path unless it is valid. */
  async ensurePath(path: string, options: WorkOptions = {}): Promise<void> {
    await work(this.connections, "ensurePath", { path: await this.pathOf(path, options) }, options);
  }

  /**
   * Builds or fetches. Await it for the results, iterate it for what happens meanwhile.
   * @param targets store paths: of a derivation all outputs are built, or those named after `^`
   * @throws {LaminixError} ERR_BUILD, with `details.results`
   */
  build(targets: string | readonly string[], options: BuildOptions = {}): BuildRun {
    return new BuildRun(async (onEvent): Promise<BuildResult[]> => {
      requireKnown(options, BUILD_KEYS);
      checkWorkOptions(options);
      checkBuildSettings(options);
      if (options.mode !== undefined)
        requireOneOf(options.mode, ["normal", "repair", "check"], "options.mode");
      const parsed = await this.targetsOf(typeof targets === "string" ? [targets] : targets, options);
      const onProgress: typeof onEvent = (event) => {
        options.onProgress?.(event);
        onEvent(event);
      };
      const withProgress = { ...options, onProgress };
      const { build } = await import("./builds.js");
      const run = (): Promise<BuildResult[]> =>
        this.connections.exclusive((connection) => build(connection, parsed, withProgress), options);
      return options.mode === "repair" ? this.changing(run) : run();
    });
  }

  // --- Roots and garbage ---

  /**
   * Keeps paths, and so their closures, from being collected as garbage until the roots are closed.
   * @throws {LaminixError} ERR_PATH_NOT_VALID
   */
  async tempRoots(paths: readonly string[], options: CallOptions = {}): Promise<TempRoots> {
    return TempRoots.take(this.location.targets, await this.pathsOf(paths, options), options);
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
    const storePath = await this.pathOf(path, options);
    const { addRoot } = await import("./gcRoots.js");
    return addRoot(this, this.daemon, storePath, link, options);
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
    await addIndirectRoot(this, this.daemon, link, options);
  }

  /** All roots. A daemon hides from untrusted users where those of others are. */
  async roots(options: WorkOptions = {}): Promise<Root[]> {
    checkWorkOptions(options);
    return await work(this.connections, "roots", {}, options);
  }

  /**
   * The roots that keep a path alive, each with the shortest chain of references from it to the path. Nix may keep
   * derivers and outputs besides, by its settings `keep-derivations` and `keep-outputs`.
   * @throws {LaminixError} ERR_PATH_NOT_VALID
   */
  async rootsOf(path: string, options: WorkOptions = {}): Promise<KeepingRoot[]> {
    const storePath = await this.pathOf(path, options);
    const { rootsOf } = await import("./gcRoots.js");
    return rootsOf(this, storePath, options);
  }

  /** Deletes what no root keeps alive, or lists it. */
  async collectGarbage(options: GarbageOptions = {}): Promise<Garbage> {
    requireKnown(options, GARBAGE_KEYS);
    const { paths: given = [] } = options;
    requireStrings(given, "options.paths");
    const paths = await this.pathsOf(given, options);
    const { collectGarbage } = await import("./garbage.js");
    return collectGarbage(this.connections, { ...options, paths });
  }

  /**
   * Compares the store's database with its files, and with `checkContents` each file with its hash.
   * @param options.repair fetches again what is damaged; for trusted users
   * @returns whether all is well, or was repaired; events tell what is not
   */
  async verify(
    options: WorkOptions & { readonly checkContents?: boolean; readonly repair?: boolean } = {},
  ): Promise<boolean> {
    requireKnown(options, [...WORK_KEYS, "checkContents", "repair"]);
    checkWorkOptions(options);
    const { checkContents = false, repair = false } = options;
    requireBoolean(checkContents, "options.checkContents");
    requireBoolean(repair, "options.repair");
    const run = (): Promise<boolean> =>
      work(this.connections, "verifyStore", { checkContents, repair }, options);
    return !(await (repair ? this.changing(run) : run()));
  }

  /** Replaces equal files by hard links. */
  async optimise(options: WorkOptions = {}): Promise<void> {
    checkWorkOptions(options);
    await work(this.connections, "optimiseStore", {}, options);
  }

  async #add(
    name: string,
    contentAddressMethod: string,
    body: AsyncIterable<Uint8Array>,
    options: AddOptions,
  ): Promise<PathInfo> {
    requireString(name, "name");
    requireKnown(options, ADD_KEYS);
    const { references: given = [] } = options;
    requireStrings(given, "options.references");
    const references = await this.pathsOf(given, options);
    checkName(name);
    const { addToStore } = await import("./additions.js");
    return addToStore(this.connections, { name, contentAddressMethod, references }, body, options);
  }
}
