/** From a spec to what its image is made of: its base, its store paths, the layer of its root, and how it is layered. */
import { parseTime } from "../image/time.js";
import type { Progress } from "../progress.js";
import { storePathsOf } from "../root/contents.js";
import { RootLayer } from "../root/rootLayer.js";
import type { PreparedSpec, ResolvedSpec } from "../spec/spec.js";
import type { Closure } from "../store/closure.js";
import { nixStore } from "../store/defaultStore.js";
import { hashPart, type StorePath } from "../store/storePath.js";
import type { HeldRoots, StoreSource } from "../store/storeSource.js";
import type { Owner } from "../tar/header.js";
import { Base, warnOfOtherPlatform, withPlatform } from "./base.js";
import type { BuildOptions, OpeningOptions } from "./buildOptions.js";
import type { PreviousImage } from "./imageAtDestination.js";
import { type Layering, layeringOf, noLayers } from "./layering.js";
import { Opened } from "./opened.js";
import { type NamedPaths, namedPaths, type NeededPaths, neededPaths, pathsInBase } from "./paths.js";

export interface PrepareOptions
  extends OpeningOptions, Pick<BuildOptions, "store" | "runAsRoot" | "previousAt"> {
  /** Whether store paths are held against the garbage collector, as they are to be read. */
  readonly hold: boolean;
  /** As the spec has it unless given. */
  readonly layering?: "none" | undefined;
  /** Of what is copied to the root; root unless given. */
  readonly owner?: Owner | undefined;
}

/** What an image is made of. Owns all that was opened for it, until it is closed; that may be done again. */
export interface Prepared extends AsyncDisposable {
  readonly spec: PreparedSpec;
  readonly progress: Progress;
  readonly store: StoreSource;
  readonly storeDir: string;
  /** ISO 8601. */
  readonly created: string;
  /** Unix seconds. */
  readonly mtime: number;
  readonly base: Base | undefined;
  /** How many layers the base has. */
  readonly baseLayers: number;
  readonly paths: NamedPaths;
  /** Store paths that the image refers to, with all that these refer to; those of the base are among them. */
  readonly closure: Closure;
  /** Paths of the closure that the base has already. */
  readonly inBase: ReadonlySet<StorePath>;
  readonly rootLayer: RootLayer;
  readonly layering: Layering;
  /** The image at the destination, where one was given; `null` where there is none to plan after. */
  readonly previous: PreviousImage | null | undefined;
  /** Rejects when store paths may have been collected meanwhile. */
  check(signal: AbortSignal | undefined): Promise<void>;
}

/**
 * Opens the base, asks the store, and runs the spec's commands where there are some; else no file of contents is read.
 * @throws {LaminixError} ERR_SPEC, ERR_LAYER_BUDGET, ERR_PATH_NOT_VALID, ERR_OUTSIDE_STORE, ERR_STORE_PATH; as `Base.of`,
 *   `layeringOf` and `imageAtDestination`, and what making the layer of the root throws
 */
export async function prepare(given: ResolvedSpec, options: PrepareOptions): Promise<Prepared> {
  const { store = nixStore, signal, progress } = options;
  const { iso: created } = parseTime(given.created, "created");
  const { seconds: mtime } = parseTime(given.mtime, "mtime");
  await using opened = new Opened();
  const base = opened.add(await Base.of(given, options));
  const spec = withPlatform(given, base);
  if (base) warnOfOtherPlatform(base, spec, progress);
  const baseLayers = base?.image.layers.length ?? 0;
  // What it refuses is refused before the store is asked or a command is run.
  const { layering, previous } = await layeringIn(spec, baseLayers, options);
  const paths = await namedPaths(spec, store, { signal });
  const { storeDir, contents, copies, inConfig, inScript } = paths;
  const needed = await neededPaths(paths, spec, store, { signal });
  const roots = opened.add(new TemporaryRoots(options.hold ? store : {}, signal));
  await roots.hold([...storePathsOf([...contents, ...copies]), ...inConfig, ...inScript]);
  const rootLayer = opened.add(await rootLayerOf({ spec, base, store, mtime, paths, needed }, options));
  const closure = await wholeClosure(rootLayer, paths, needed, { store, roots, signal });
  const inBase = await pathsInBase(base, spec, closure, storeDir, { signal });
  const all = opened.moved();
  return {
    ...{ spec, progress, store, storeDir, created, mtime },
    ...{ base, baseLayers, paths, closure, inBase, rootLayer, layering, previous },
    check: (checking) => roots.check(checking),
    [Symbol.asyncDispose]: () => all[Symbol.asyncDispose](),
  };
}

/** By what the destination has, where one was given. */
async function layeringIn(
  spec: PreparedSpec,
  baseLayers: number,
  options: PrepareOptions,
): Promise<Pick<Prepared, "layering" | "previous">> {
  if (options.layering === "none") return { layering: noLayers, previous: undefined };
  const { previousAt } = options;
  if (previousAt === undefined)
    return { layering: await layeringOf(spec, baseLayers, options), previous: undefined };
  const { imageAtDestination } = await import("./imageAtDestination.js");
  // Nobody is asked where the layers do not depend on it; `layeringOf` warns of that.
  const isOfUse = spec.strategy === "balanced" && spec.layeringPipeline === null;
  const there = isOfUse ? await imageAtDestination(previousAt, spec, options) : undefined;
  const asked = { ...spec, previous: there?.plan ?? { layers: [] } };
  return { layering: await layeringOf(asked, baseLayers, options), previous: there?.previous };
}

class TemporaryRoots implements AsyncDisposable {
  readonly #store: Pick<StoreSource, "tempRoots">;
  readonly #signal: AbortSignal | undefined;
  readonly #held: HeldRoots[] = [];

  /** @param store none are held where it holds none */
  constructor(store: Pick<StoreSource, "tempRoots">, signal: AbortSignal | undefined) {
    this.#store = store;
    this.#signal = signal;
  }

  async hold(paths: readonly StorePath[]): Promise<void> {
    if (paths.length === 0) return;
    const held = await this.#store.tempRoots?.(paths, { signal: this.#signal });
    if (held) this.#held.push(held);
  }

  async check(signal: AbortSignal | undefined): Promise<void> {
    for (const each of this.#held) await each.check({ signal });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = await Promise.allSettled(this.#held.map((each) => each.close()));
    for (const each of closed) if (each.status === "rejected") throw each.reason;
  }
}

interface RootLayerFacts extends Pick<Prepared, "spec" | "base" | "store" | "mtime" | "paths"> {
  readonly needed: NeededPaths;
}

async function rootLayerOf(
  { spec, base, store, mtime, paths, needed }: RootLayerFacts,
  { signal, progress, runAsRoot, owner = ROOT }: PrepareOptions,
): Promise<RootLayer> {
  const { storeDir, contents, copies, inScript } = paths;
  const { closure } = needed;
  const visible = spec.runAsRoot && (await store.closure([...needed.paths, ...inScript], { signal }));
  const parts = {
    ...{ spec, contents, copies, storeDir, owner, closure, visible, base },
    gcRoots: storePathsOf([...contents, ...copies]).filter((path) => closure.get(path) !== undefined),
    // Nobody vouches for the hashes in a file.
    narHash: (path: StorePath) =>
      store.vouchesForHashes ? (closure.get(path) ?? needed.copies?.get(path))?.narHash : undefined,
  };
  return new RootLayer(parts, { store, mtime, signal, progress, runAsRoot });
}

const ROOT: Owner = { uid: 0, gid: 0, uname: "", gname: "" };

/** The closure of what is needed, with what the layer of the root turned out to refer to. */
async function wholeClosure(
  rootLayer: RootLayer,
  { namedOnly }: NamedPaths,
  { paths, closure }: NeededPaths,
  {
    store,
    roots,
    signal,
  }: Pick<Prepared, "store"> & Pick<PrepareOptions, "signal"> & { readonly roots: TemporaryRoots },
): Promise<Closure> {
  if (!rootLayer.mustBeMade) return closure;
  const found = (await rootLayer.references()).filter((path) => !namedOnly.has(hashPart(path)));
  await roots.hold(found);
  return found.length === 0 ? closure : store.closure([...paths, ...found], { signal });
}
