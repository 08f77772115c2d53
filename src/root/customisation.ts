/** The layer that makes an image's root: contents, commands, modes and owners. */
import { hashOf } from "../image/layer.js";
import { TreeLayer } from "../image/treeLayer.js";
import type { Closure } from "../store/closure.js";
import { ReferenceScan } from "../store/referenceScan.js";
import { hashPart, type StorePath } from "../store/storePath.js";
import type { Owner } from "../tar/header.js";
import { carryOver } from "../tree/carryOver.js";
import { graft } from "../tree/graft.js";
import type { FolderNode } from "../tree/node.js";
import { overBase } from "../tree/overBase.js";
import { applyPerms } from "../tree/perms.js";
import type { RootScriptOptions, RootScriptSpec, RunOptions } from "../vm/rootScript.js";
import { permsRules } from "../spec/permsSpec.js";
import type { Base } from "../planning/base.js";
import type { OnProgress } from "../progress.js";
import type { StoreSource } from "../store/storeSource.js";
import type { ResolvedSpec } from "../spec/spec.js";
import { type Content, storePathsOf } from "./contents.js";
import { rootOf } from "./root.js";

/** Changes when the same contents would give other bytes than before. */
const FORMAT = 2;

export interface CustomisationParts {
  readonly spec: ResolvedSpec;
  readonly contents: readonly Content[];
  readonly copies: readonly Content[];
  readonly storeDir: string;
  /** Of the copies. */
  readonly owner: Owner;
  /** What is known to be in the image. */
  readonly closure: Closure;
  /** What is in the store while a script runs as root. */
  readonly visible?: Closure | undefined;
  /** SRI of the NAR of a store path in contents or copies, where somebody vouches for it. */
  readonly narHash: (path: StorePath) => string | undefined;
  /** Paths that the garbage collector of a Nix in the image is to keep. */
  readonly gcRoots: readonly StorePath[];
  /** What the layer goes on top of. */
  readonly base: Base | undefined;
}

export interface CustomisationOptions {
  readonly source: StoreSource;
  /** Unix seconds. */
  readonly mtime: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** How a script that runs as root is run. */
  readonly runAsRoot?: RootScriptOptions | undefined;
}

export class Customisation implements Disposable {
  readonly layer: TreeLayer;
  readonly #parts: CustomisationParts;
  readonly #options: CustomisationOptions;
  readonly #resources: Disposable[] = [];
  #made: Promise<FolderNode> | undefined;

  constructor(parts: CustomisationParts, options: CustomisationOptions) {
    this.#parts = parts;
    this.#options = options;
    const { contents } = parts;
    this.layer = new TreeLayer({
      kind: "root",
      sources: storePathsOf([...contents, ...parts.copies]),
      contentKey: contentKeyOf(parts, options.mtime),
      hardLinks: parts.spec.runAsRoot ? "keep" : "copy",
      mtime: options.mtime,
      signal: options.signal,
      tree: ({ signal }) => this.root(signal),
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
    const { extraCommands, fakeRootCommands, runAsRoot } = spec;
    return (
      runAsRoot !== undefined ||
      extraCommands !== "" ||
      fakeRootCommands !== "" ||
      [...contents, ...copies].some((content) => content.kind !== "store")
    );
  }

  /**
   * Store paths that the layer names and that are not in the closure.
   * @throws {LaminixError} what making the layer throws
   */
  async references(): Promise<StorePath[]> {
    const { storeDir, closure } = this.#parts;
    const { source, signal } = this.#options;
    const scan = new ReferenceScan(storeDir);
    await this.layer.read((piece) => {
      scan.add(piece);
    });
    const known = new Set(closure.paths.map(hashPart));
    const unknown = scan.hashParts().filter((hash) => !known.has(hash));
    const paths = await Promise.all(unknown.map((hash) => source.pathFromHashPart(hash, { signal })));
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
    const { spec, contents, copies, owner, narHash, storeDir, base } = this.#parts;
    const { source, onProgress } = this.#options;
    const adopt = (resource: Disposable): void => {
      this.#resources.push(resource);
    };
    const warn = (message: string): void => onProgress?.({ type: "warning", message });
    let root = await rootOf(
      {
        contents,
        copies,
        links: spec.keepContentsDirlinks ? "keep" : "follow",
        owner,
      },
      {
        storeDir,
        locate: (path) => source.open(path),
        narHash,
        signal,
        adopt,
        onConflict: (path, kept) => {
          warn(`${path} is in several of the contents; ${kept} is kept`);
        },
      },
    );
    if (spec.includeNixDB) graft(root, await this.#database(signal), { keep: "first" });
    if (spec.runAsRoot) {
      const onLine = (line: string): void => onProgress?.({ type: "log", script: "runAsRoot", line });
      const how = { ...this.#options.runAsRoot, signal, adopt, onLine };
      root = await this.#afterScript(root, spec.runAsRoot, how);
    }
    if (spec.extraCommands !== "" || spec.fakeRootCommands !== "") {
      const { rootAfter } = await import("./commands.js");
      const before = root;
      root = await rootAfter(root, spec, {
        storeDir,
        realStoreDir: await this.#realStoreDir(),
        signal,
        adopt,
        onLine: (script, line) => onProgress?.({ type: "log", script, line }),
      });
      if (spec.runAsRoot) carryOver(root, before);
    }
    // Nothing but fakeRootCommands knows better whose the files are.
    const { uid, gid } = owner;
    if (uid + gid > 0 && spec.fakeRootCommands === "") applyPerms(root, [{ uid, gid }]);
    for (const rule of applyPerms(root, permsRules(spec.perms)))
      warn(
        `a rule of perms is for nothing in the image's root: ${JSON.stringify({ path: rule.path, regex: rule.regex?.source })}`,
      );
    // A script that ran over the base has left what goes on top of it.
    if (!base || spec.runAsRoot || root.children.size === 0) return root;
    if (!base.isShallow) return overBase(root, await base.root(signal));
    warn(
      "the base is in a registry and is not looked into: where it has a link by the name of a folder of the image's root, the folder takes its place; pull it and build upon the archive to have the link followed",
    );
    return root;
  }

  async #afterScript(root: FolderNode, script: RootScriptSpec, options: RunOptions): Promise<FolderNode> {
    const { storeDir, visible, base } = this.#parts;
    const { source, mtime } = this.#options;
    const { rootAfterScript } = await import("./rootScript.js");
    const below = await base?.root(options.signal);
    return rootAfterScript({ script, root, base: below, storeDir, visible, mtime }, source, options);
  }

  async #database(signal: AbortSignal | undefined): Promise<FolderNode> {
    const { storeDir, closure, gcRoots } = this.#parts;
    const { nixDatabaseTree } = await import("./nixDatabaseTree.js");
    return nixDatabaseTree({
      storeDir,
      closure,
      gcRoots,
      time: this.#options.mtime,
      signal,
      open: (path) => this.#options.source.open(path),
    });
  }

  /** Where the files of the store are on this disk. */
  async #realStoreDir(): Promise<string> {
    const { storeDir, closure } = this.#parts;
    const [path] = closure.paths;
    const files = path === undefined ? undefined : await this.#options.source.open(path);
    return files && "disk" in files ? files.disk.slice(0, files.disk.lastIndexOf("/")) : storeDir;
  }
}

function contentKeyOf(parts: CustomisationParts, mtime: number): string | undefined {
  const { spec, contents, copies, owner, narHash, base } = parts;
  const { extraCommands, fakeRootCommands, includeNixDB, keepContentsDirlinks, perms } = spec;
  // What commands make is not known from the commands.
  if (extraCommands !== "" || fakeRootCommands !== "" || spec.runAsRoot || includeNixDB) return undefined;
  const all = [...contents, ...copies];
  if (all.some((content) => content.kind !== "store" || narHash(content.path) === undefined))
    return undefined;
  const facts = [contents, copies].map((each) => storePathsOf(each).map((path) => [path, narHash(path)]));
  return hashOf([
    "contents",
    FORMAT,
    mtime,
    facts,
    owner,
    keepContentsDirlinks,
    perms,
    base && !base.isShallow ? base.diffIds : [],
  ]);
}
