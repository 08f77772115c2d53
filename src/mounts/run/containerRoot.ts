/** What a container is made of: its configuration, the files of its root, and what it has of this system's store. */
import { formatJson, isObject, type JsonObject } from "../../bytes/json.js";
import { inheritConfig } from "../../image/inherit.js";
import { type Image, knownConfig, type NamedImage } from "../../image/image.js";
import { hostArchitecture } from "../../manifests/platform.js";
import type { PlanningOptions } from "../../planning/buildOptions.js";
import { Opened } from "../../planning/opened.js";
import { prepare } from "../../planning/prepare.js";
import type { Progress } from "../../progress.js";
import { type ImageSpec, resolveSpec } from "../../spec/spec.js";
import { nixStore } from "../../store/defaultStore.js";
import { hashPart, type StorePath, storePathsIn } from "../../store/storePath.js";
import type { StoreSource } from "../../store/storeSource.js";
import type { FolderNode } from "../../tree/node.js";
import type { Mapping } from "../../vm/mapping.js";
import { closurePlan, type MountPlan } from "../mountPlan.js";
import { unpackedRoot, type UnpackedRoot } from "./unpackedRoots.js";

/** Whatever it has is held until it is closed. */
export interface ContainerRoot extends AsyncDisposable {
  /** By Docker's names: Cmd, Env, and so on. */
  readonly config: JsonObject;
  /** What the root begins with, where an image is unpacked for it. */
  readonly base: UnpackedRoot | undefined;
  /** What goes on top of it. */
  readonly tree: FolderNode | undefined;
  /** Unix seconds, of what in the tree has no time of its own. */
  readonly mtime: number;
  /** `undefined` where it has nothing of the store. */
  readonly plan: MountPlan | undefined;
}

interface Options extends PlanningOptions {
  readonly mapping: Mapping;
  readonly progress: Progress;
}

/**
 * @param subject a spec; or an image that lies somewhere, as `openImages` names it
 * @throws {LaminixError} what preparing the image, or opening and unpacking it, throws
 */
export function containerRoot(subject: ImageSpec | string, options: Options): Promise<ContainerRoot> {
  return typeof subject === "string" ? ofImage(subject, options) : ofSpec(subject, options);
}

async function ofSpec(given: ImageSpec, options: Options): Promise<ContainerRoot> {
  const { signal, mapping, progress } = options;
  await using opened = new Opened();
  const prepared = opened.add(
    await prepare(resolveSpec(given, progress), { ...options, layering: "none", hold: true }),
  );
  const { spec, base, closure, store, mtime, rootLayer } = prepared;
  const plan = closure.size === 0 ? undefined : await closurePlan(closure, store, { signal });
  const unpacked = base && (await unpackedRoot(base.image, mapping, { signal, progress }));
  const tree = await rootLayer.root(signal);
  return owning(opened, {
    config: inheritConfig(spec.config, base?.config),
    ...{ base: unpacked, tree, mtime, plan },
  });
}

async function ofImage(place: string, options: Options): Promise<ContainerRoot> {
  const { signal, mapping, progress, registries, maxUnpacked, store = nixStore } = options;
  const platform = { os: "linux", architecture: hostArchitecture(), variant: undefined };
  const { openImages } = await import("../../transports/open.js");
  await using opened = new Opened();
  const images = opened.add(await openImages(place, { signal, registries, maxUnpacked, platform }));
  const [{ image }] = images.images as readonly [NamedImage];
  const base = await unpackedRoot(image, mapping, { signal, progress });
  const config = configOf(image);
  const paths = await namedPaths(base, config, { store, signal, progress });
  const held = paths.length === 0 ? undefined : await store.tempRoots?.(paths, { signal });
  if (held) opened.add({ [Symbol.asyncDispose]: () => held.close() });
  const plan =
    paths.length === 0
      ? undefined
      : await closurePlan(await store.closure(paths, { signal }), store, { signal });
  return owning(opened, { config, base, tree: undefined, mtime: 0, plan });
}

function owning(opened: Opened, root: Omit<ContainerRoot, typeof Symbol.asyncDispose>): ContainerRoot {
  const all = opened.moved();
  return { ...root, [Symbol.asyncDispose]: () => all[Symbol.asyncDispose]() };
}

function configOf(image: Image): JsonObject {
  const config = knownConfig(image).json.get("config");
  return isObject(config) ? config : new Map();
}

/** Store paths that an image without them names, which are in this system's store. */
async function namedPaths(
  { missing }: UnpackedRoot,
  config: JsonObject,
  { store, signal, progress }: Pick<Options, "signal" | "progress"> & { readonly store: StoreSource },
): Promise<StorePath[]> {
  const text = formatJson(config);
  // Most images name none, and run where there is no store.
  if (missing.length === 0 && !/\/[0-9a-df-np-sv-z]{32}-/.test(text)) return [];
  const storeDir = await store.storeDir({ signal, near: missing[0] });
  const named = new Set<StorePath>([...missing, ...storePathsIn(text, storeDir)]);
  const found = await Promise.all(
    [...named].map(async (path) => {
      const valid = await store.pathFromHashPart(hashPart(path), { signal });
      if (valid === undefined) progress.warn(`the image names ${path}, which is not in the store`);
      return valid ?? [];
    }),
  );
  return found.flat();
}
