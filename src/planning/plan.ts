/** From a spec to what its image is made of: store paths, the layer of its root, and how the paths are put into layers. */
import { LaminixError } from "../errors.js";
import { formatJson, type Json } from "../bytes/json.js";
import type { LayerPlan, VirtualNode } from "../layering/graph.js";
import type { Closure } from "../store/closure.js";
import {
  baseName,
  hashPart,
  type StorePath,
  storeDirOf,
  storePathsIn,
  toStorePath,
} from "../store/storePath.js";
import type { Owner } from "../tar/header.js";
import type { RootScriptOptions } from "../vm/rootScript.js";
import type { Base } from "./base.js";
import { contentsOf, storePathsOf } from "../root/contents.js";
import { Customisation, type CustomisationParts } from "../root/customisation.js";
import type { Layering } from "./layering.js";
import type { OnProgress } from "../progress.js";
import type { HeldRoots, StoreSource } from "../store/storeSource.js";
import type { ResolvedSpec } from "../spec/spec.js";

/** What an image is made of. Holds its store paths, and what has to stay open, until it is closed. */
export interface ImageParts extends AsyncDisposable {
  readonly storeDir: string;
  readonly base: Base | undefined;
  /** Store paths that the image refers to, with all that these refer to; those of the base are among them. */
  readonly closure: Closure;
  /** Paths of the closure that the base has already. */
  readonly inBase: ReadonlySet<StorePath>;
  readonly customisation: Customisation;
  /** Store paths that the configuration names. */
  readonly named: readonly StorePath[];
  /** Store paths that contents are. */
  readonly contents: readonly StorePath[];
  readonly roots: readonly HeldRoots[];
}

/** A layer of store paths, as planned. */
export interface PlannedLayer {
  readonly paths: readonly StorePath[];
  /** Bytes of the NARs together. */
  readonly narSize: number;
}

export function plannedLayers(layers: LayerPlan, closure: Closure): PlannedLayer[] {
  const narSize = (path: StorePath): number => closure.get(path)?.narSize ?? 0;
  return layers.map((paths) => ({ paths, narSize: paths.reduce((sum, path) => sum + narSize(path), 0) }));
}

export interface PlanOptions {
  /** Unix seconds. */
  readonly mtime: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** Of what is copied to the root; root unless given. */
  readonly owner?: Owner | undefined;
  /** How a script that runs as root is run. */
  readonly runAsRoot?: RootScriptOptions | undefined;
  /** Holds the store paths against the garbage collector. */
  readonly hold: boolean;
}

/**
 * Asks the store, and runs the spec's commands where there are some; else no file of contents is read.
 * @throws {LaminixError} ERR_PATH_NOT_VALID, ERR_OUTSIDE_STORE, ERR_STORE_PATH, ERR_ARCHIVE for the base, and what
 *   making the layer of the root throws
 */
export async function imageParts(
  spec: ResolvedSpec,
  source: StoreSource,
  base: Base | undefined,
  options: PlanOptions,
): Promise<ImageParts> {
  const { signal, owner = ROOT } = options;
  const ask = { signal };
  const roots: HeldRoots[] = [];
  const hold = async (paths: readonly StorePath[]): Promise<void> => {
    if (!options.hold || paths.length === 0) return;
    const held = await source.tempRoots?.(paths, ask);
    if (held) roots.push(held);
  };
  let customisation: Customisation | undefined;
  const release = async (): Promise<void> => {
    customisation?.[Symbol.dispose]();
    for (const each of roots) await each.close();
  };
  try {
    const near = [...spec.contents, ...spec.copyToRoot]
      .filter((entry) => typeof entry === "string")
      .find((path) => storeDirOf(path) !== undefined);
    const storeDir = await source.storeDir({ ...ask, near });
    const all = {
      contents: contentsOf(spec.contents, storeDir),
      copies: contentsOf(spec.copyToRoot, storeDir),
    };
    const contents = storePathsOf(all.contents);
    const copied = storePathsOf(all.copies);
    const namedOnly = new Set(spec.namedOnly.map((path) => hashPart(toStorePath(path, storeDir))));
    const named = await Promise.all(
      storePathsIn(baseJson(spec), storeDir)
        .filter((path) => !namedOnly.has(hashPart(path)))
        .map((path) => validPath(path, "the config", source, ask)),
    );
    const inScript = await Promise.all(
      storePathsIn(spec.runAsRoot?.text ?? "", storeDir).map((path) =>
        validPath(path, "runAsRoot", source, ask),
      ),
    );
    const copies = copied.length === 0 ? undefined : await source.closure(copied, ask);
    // A copy needs what it refers to, but not what it was copied from, unless Nix in the image is to know that.
    const behind = spec.includeNixDB ? copied : copied.flatMap((path) => copies?.references(path) ?? []);
    const needed = [...contents, ...named, ...behind];
    let closure = await source.closure(needed, ask);
    await hold([...contents, ...named, ...copied, ...inScript]);
    const visible = spec.runAsRoot && (await source.closure([...needed, ...inScript], ask));
    const parts: CustomisationParts = {
      ...{ spec, ...all, storeDir, owner, closure, visible, base },
      gcRoots: [...contents, ...copied].filter((path) => closure.get(path) !== undefined),
      // Nobody vouches for the hashes in a file.
      narHash: (path) =>
        source.vouchesForHashes ? (closure.get(path) ?? copies?.get(path))?.narHash : undefined,
    };
    customisation = new Customisation(parts, { source, ...options });
    if (customisation.mustBeMade) {
      const found = (await customisation.references()).filter((path) => !namedOnly.has(hashPart(path)));
      await hold(found);
      if (found.length > 0) closure = await source.closure([...needed, ...found], ask);
    }
    const inBase = spec.includeStorePaths
      ? await pathsIn(base, closure, storeDir, signal)
      : new Set<StorePath>();
    return {
      ...{ storeDir, base, closure, inBase, customisation, named, contents, roots },
      [Symbol.asyncDispose]: release,
    };
  } catch (error) {
    await release();
    throw error;
  }
}

/** The store paths that the base does not have, in layers. */
export async function planLayersOf(
  spec: ResolvedSpec,
  parts: ImageParts,
  layering: Layering,
): Promise<LayerPlan> {
  if (!spec.includeStorePaths) return [];
  const { closure, customisation, named, contents, inBase } = parts;
  const nodes: VirtualNode[] = [
    { name: "config", narSize: narSizeOfFile(baseJson(spec).length), references: named },
    { name: "contents", narSize: await narSizeOf(customisation), references: contents },
  ];
  return layering(closure, nodes, inBase);
}

const ROOT: Owner = { uid: 0, gid: 0, uname: "", gname: "" };

/** What of an image's configuration can name store paths, as nixpkgs writes it for that. */
function baseJson({ architecture, config }: ResolvedSpec): string {
  return formatJson(new Map<string, Json>(Object.entries({ architecture, config, os: "linux" })));
}

async function pathsIn(
  base: Base | undefined,
  closure: Closure,
  storeDir: string,
  signal: AbortSignal | undefined,
): Promise<ReadonlySet<StorePath>> {
  if (!base || closure.size === 0) return new Set();
  const names = await base.storeNames(storeDir, signal);
  return new Set(closure.paths.filter((path) => names.has(baseName(path))));
}

/**
 * A path as it stands in a text may run on into what follows it, such as a full stop; its hash tells where it ends.
 */
async function validPath(
  path: StorePath,
  where: string,
  source: StoreSource,
  options: { readonly signal?: AbortSignal | undefined },
): Promise<StorePath> {
  const valid = await source.pathFromHashPart(hashPart(path), options);
  if (valid !== undefined && path.startsWith(valid)) return valid;
  throw new LaminixError("ERR_PATH_NOT_VALID", `${where} names ${path}, which is not valid in the store`, {
    details: { path },
    hint: "build or fetch it first, for example with nix-store --realise",
  });
}

/** Bytes of the NAR of a file that cannot be executed (Nix manual, "Nix Archive Format"). */
function narSizeOfFile(size: number): number {
  return 112 + Math.ceil(size / 8) * 8;
}

/**
 * In nixpkgs a folder with the tar of the root, and its checksum, takes part in planning with its real size. Here it
 * does where commands had to be run for it; else it counts as that of an empty root, so that a plan needs no files.
 */
async function narSizeOf(customisation: Customisation): Promise<number> {
  const tar = customisation.mustBeMade ? (await customisation.layer.diffId()).size : EMPTY_TAR;
  return tar + 544;
}

const EMPTY_TAR = 10_240;
