/** The layer that makes an image's root: contents, commands, modes and owners. */
import { hashOf } from "../image/layer.js";
import { TreeLayer } from "../image/treeLayer.js";
import type { Progress } from "../progress.js";
import { permsRules } from "../spec/perms.js";
import type { ResolvedSpec } from "../spec/spec.js";
import type { Closure } from "../store/closure.js";
import { ReferenceScan } from "../store/referenceScan.js";
import { baseName, hashPart, type StorePath } from "../store/storePath.js";
import type { StoreSource } from "../store/storeSource.js";
import type { Owner } from "../tar/header.js";
import { emptyRoot } from "../tree/apply.js";
import { carryOver } from "../tree/carryOver.js";
import { graft } from "../tree/graft.js";
import type { FolderNode, TreeNode } from "../tree/node.js";
import { overBase } from "../tree/overBase.js";
import { applyPerms } from "../tree/perms.js";
import type { RootScriptOptions, RootScriptSpec } from "../vm/rootScript.js";
import { type Content, joinContents, storePathsOf } from "./contents.js";

/** Changes when the same contents would give other bytes than before. */
const FORMAT = 2;

/** What the layer goes on top of. */
export interface Below {
  /** Bottom first. */
  readonly diffIds: readonly string[];
  /** Whether its layers are not to be looked into. */
  readonly isShallow: boolean;
  root(signal: AbortSignal | undefined): Promise<FolderNode>;
}

export interface RootLayerParts {
  readonly spec: ResolvedSpec;
  readonly contents: readonly Content[];
  readonly copies: readonly Content[];
  readonly storeDir: string;
  /** Of the copies. */
  readonly owner: Owner;
  /** What is known to be in the image. */
  readonly closure: Closure;
  /** What is in the store while a script runs as root. */
  readonly visible: Closure | undefined;
  /** SRI of the NAR of a store path in contents or copies, where somebody vouches for it. */
  readonly narHash: (path: StorePath) => string | undefined;
  /** Paths that the garbage collector of a Nix in the image is to keep. */
  readonly gcRoots: readonly StorePath[];
  readonly base: Below | undefined;
}

export interface RootLayerOptions {
  readonly store: StoreSource;
  /** Unix seconds. */
  readonly mtime: number;
  readonly signal: AbortSignal | undefined;
  readonly progress: Progress;
  /** How a script that runs as root is run. */
  readonly runAsRoot: RootScriptOptions | undefined;
}

export class RootLayer implements Disposable {
  readonly layer: TreeLayer;
  readonly #parts: RootLayerParts;
  readonly #options: RootLayerOptions;
  readonly #resources: Disposable[] = [];
  #made: Promise<FolderNode> | undefined;

  constructor(parts: RootLayerParts, options: RootLayerOptions) {
    this.#parts = parts;
    this.#options = options;
    const { mtime, signal, progress } = options;
    const sources = storePathsOf([...parts.contents, ...parts.copies]);
    this.layer = new TreeLayer({
      kind: "root",
      sources,
      onHashed: (hashed) => {
        progress.hash({ kind: "root", sources }, { hashed });
      },
      contentKey: contentKeyOf(parts, mtime),
      hardLinks: parts.spec.runAsRoot ? "keep" : "copy",
      mtime,
      signal,
      tree: (reading) => this.root(reading.signal),
    });
  }

  /** Store paths that it is made from. */
  get sources(): Readonly<Record<"contents" | "copies", readonly StorePath[]>> {
    const { contents, copies } = this.#parts;
    return { contents: storePathsOf(contents), copies: storePathsOf(copies) };
  }

  /** Whether what is in the layer, or what it refers to, is not known before it has been made. */
  get mustBeMade(): boolean {
    const { spec, contents, copies } = this.#parts;
    const isFromStore = [...contents, ...copies].every((content) => content.kind === "store");
    return spec.runAsRoot !== undefined || hasCommands(spec) || !isFromStore;
  }

  /**
   * Store paths that the layer names and that are not in the closure.
   * @throws {LaminixError} what making the layer throws
   */
  async references(): Promise<StorePath[]> {
    const { storeDir, closure } = this.#parts;
    const { store, signal } = this.#options;
    const scan = new ReferenceScan(storeDir);
    await this.layer.read((piece) => {
      scan.add(piece);
    });
    const known = new Set(closure.paths.map(hashPart));
    const unknown = scan.hashParts().filter((hash) => !known.has(hash));
    const paths = await Promise.all(unknown.map((hash) => store.pathFromHashPart(hash, { signal })));
    return paths.filter((path) => path !== undefined);
  }

  [Symbol.dispose](): void {
    for (const resource of this.#resources.splice(0)) resource[Symbol.dispose]();
  }

  /**
   * The root, made once.
   * @throws {LaminixError} ERR_SCRIPT, ERR_PROGRAM, ERR_UNSUPPORTED, ERR_FILE_READ, ERR_FILE_WRITE, ERR_NAR
   */
  root(signal: AbortSignal | undefined): Promise<FolderNode> {
    if (!this.#made) {
      const made = this.#make(signal);
      this.#made = made;
      made.catch(() => (this.#made = undefined)); // what was aborted may be asked for again
    }
    return this.#made;
  }

  async #make(signal: AbortSignal | undefined): Promise<FolderNode> {
    const { spec } = this.#parts;
    let root = await this.#joined(signal);
    if (spec.includeNixDB) graft(root, await this.#nixDatabase(signal), { keep: "first" });
    if (spec.runAsRoot) root = await this.#afterScript(root, spec.runAsRoot, signal);
    if (hasCommands(spec)) {
      const after = await this.#afterCommands(root, signal);
      root = spec.runAsRoot ? carryOver(after, root) : after;
    }
    this.#setAttributes(root);
    // A script that ran over the base has left what goes on top of it.
    return spec.runAsRoot ? root : this.#overBase(root, signal);
  }

  readonly #adopt = (resource: Disposable): void => {
    this.#resources.push(resource);
  };

  #joined(signal: AbortSignal | undefined): Promise<FolderNode> {
    const { spec, contents, copies, owner, narHash, storeDir } = this.#parts;
    const { store, progress } = this.#options;
    const links = spec.keepContentsDirlinks ? "keep" : "follow";
    return joinContents(
      { contents, copies, links, owner },
      {
        ...{ storeDir, narHash, signal, adopt: this.#adopt },
        locate: (path) => store.open(path),
        onConflict: (path, kept) => {
          progress.warn(`${path} is in several of the contents; ${kept} is kept`);
        },
      },
    );
  }

  async #nixDatabase(signal: AbortSignal | undefined): Promise<FolderNode> {
    const { storeDir, closure, gcRoots } = this.#parts;
    const { store, mtime: time } = this.#options;
    const { nixDatabaseTree } = await import("./nixDatabase.js");
    return nixDatabaseTree({ storeDir, closure, gcRoots, time, signal, open: (path) => store.open(path) });
  }

  /** The root as `runAsRoot` leaves it. */
  async #afterScript(
    root: FolderNode,
    script: RootScriptSpec,
    signal: AbortSignal | undefined,
  ): Promise<FolderNode> {
    const { storeDir, visible, base } = this.#parts;
    const { store: source, mtime, progress, runAsRoot: how } = this.#options;
    const { runAsRoot } = await import("../vm/run.js");
    const lower = await base?.root(signal);
    const upper = lower ? overBase(root, lower) : root;
    const store = new Map<string, TreeNode>();
    for (const path of visible?.paths ?? [])
      store.set(baseName(path), { type: "store", files: await source.open(path) });
    const onLine = (line: string): void => {
      progress.log("runAsRoot", line);
    };
    return runAsRoot(
      { ...script, lower: lower ?? emptyRoot(), upper, store, storeDir, mtime },
      { ...how, signal, adopt: this.#adopt, onLine },
    );
  }

  async #afterCommands(root: FolderNode, signal: AbortSignal | undefined): Promise<FolderNode> {
    const { spec, storeDir } = this.#parts;
    const { rootAfter } = await import("./commands.js");
    const realStoreDir = await this.#realStoreDir();
    const onLine = this.#options.progress.log;
    return rootAfter(root, spec, { storeDir, realStoreDir, signal, adopt: this.#adopt, onLine });
  }

  #setAttributes(root: FolderNode): void {
    const { spec, owner } = this.#parts;
    const { uid, gid } = owner;
    // Nothing but fakeRootCommands knows better whose the files are.
    if (uid + gid > 0 && spec.fakeRootCommands === "") applyPerms(root, [{ uid, gid }]);
    for (const { path, regex } of applyPerms(root, permsRules(spec.perms))) {
      const rule = JSON.stringify({ path, regex: regex?.source });
      this.#options.progress.warn(`a perms rule matches nothing in the image's root: ${rule}`);
    }
  }

  async #overBase(root: FolderNode, signal: AbortSignal | undefined): Promise<FolderNode> {
    const { base } = this.#parts;
    if (!base || root.children.size === 0) return root;
    if (!base.isShallow) return overBase(root, await base.root(signal));
    this.#options.progress.warn(
      "the base is in a registry and is not looked into: where it has a link by the name of a folder of the image's root, the folder takes its place; pull it and build upon the archive to have the link followed",
    );
    return root;
  }

  /** Where the files of the store are on this disk. */
  async #realStoreDir(): Promise<string> {
    const { storeDir, closure } = this.#parts;
    const [path] = closure.paths;
    const files = path === undefined ? undefined : await this.#options.store.open(path);
    return files && "disk" in files ? files.disk.slice(0, files.disk.lastIndexOf("/")) : storeDir;
  }
}

function hasCommands({ extraCommands, fakeRootCommands }: ResolvedSpec): boolean {
  return extraCommands !== "" || fakeRootCommands !== "";
}

function contentKeyOf(parts: RootLayerParts, mtime: number): string | undefined {
  const { spec, contents, copies, owner, narHash, base } = parts;
  const { includeNixDB, keepContentsDirlinks, perms } = spec;
  // What commands make is not known from the commands.
  if (hasCommands(spec) || spec.runAsRoot || includeNixDB) return undefined;
  const all = [...contents, ...copies];
  if (all.some((content) => content.kind !== "store" || narHash(content.path) === undefined))
    return undefined;
  const facts = [contents, copies].map((each) => storePathsOf(each).map((path) => [path, narHash(path)]));
  const below = base && !base.isShallow ? base.diffIds : [];
  return hashOf(["contents", FORMAT, mtime, facts, owner, keepContentsDirlinks, perms, below]);
}
