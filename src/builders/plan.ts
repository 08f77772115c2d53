/** From a spec to store paths and layers, without reading a file. */
import { LaminixError } from "../errors.js";
import { formatJson, type Json } from "../image/json.js";
import type { LayerPlan, VirtualNode } from "../layering/graph.js";
import type { Closure } from "../store/closure.js";
import { hashPart, type StorePath, storePathsIn, toStorePath } from "../store/storePath.js";
import { layeringOf, type LayeringOptions } from "./layering.js";
import type { StoreSource } from "./source.js";
import type { ResolvedSpec } from "./spec.js";

export interface ImagePlan {
  readonly storeDir: string;
  /** Store paths that are linked into the root. */
  readonly contents: readonly StorePath[];
  /** Store paths that the configuration names. */
  readonly named: readonly StorePath[];
  readonly closure: Closure;
  readonly layers: LayerPlan;
}

/** A layer of store paths, as planned. */
export interface PlannedLayer {
  readonly paths: readonly StorePath[];
  /** Bytes of the NARs together. */
  readonly narSize: number;
}

export function plannedLayers({ layers, closure }: ImagePlan): PlannedLayer[] {
  const narSize = (path: StorePath): number => closure.get(path)?.narSize ?? 0;
  return layers.map((paths) => ({ paths, narSize: paths.reduce((sum, path) => sum + narSize(path), 0) }));
}

/**
 * @param baseLayers layers of the base image
 * @throws {LaminixError} ERR_PATH_NOT_VALID, ERR_OUTSIDE_STORE, ERR_STORE_PATH, and what `layeringOf` can throw
 */
export async function planImage(
  spec: ResolvedSpec,
  source: StoreSource,
  baseLayers: number,
  { signal, onProgress }: LayeringOptions,
): Promise<ImagePlan> {
  const options = { signal };
  const layering = await layeringOf(spec, baseLayers, { signal, onProgress });
  const storeDir = await source.storeDir({ ...options, near: spec.contents[0] });
  const contents = spec.contents.map((path) => toStorePath(path, storeDir));
  const { architecture, config } = spec;
  const base = formatJson(new Map<string, Json>(Object.entries({ architecture, config, os: "linux" })));
  const named = await Promise.all(
    storePathsIn(base, storeDir).map((path) => validPath(path, source, options)),
  );
  const closure = await source.closure([...contents, ...named], options);
  const nodes: VirtualNode[] = [
    { name: "config", narSize: narSizeOfFile(base.length), references: named },
    { name: "contents", narSize: EMPTY_CONTENTS, references: contents },
  ];
  const layers = spec.includeStorePaths ? layering(closure, nodes) : [];
  return { storeDir, contents, named, closure, layers };
}

/**
 * A path as it stands in a text may run on into what follows it, such as a full stop; its hash tells where it ends.
 */
async function validPath(
  path: StorePath,
  source: StoreSource,
  options: { readonly signal?: AbortSignal | undefined },
): Promise<StorePath> {
  const valid = await source.pathFromHashPart(hashPart(path), options);
  if (valid !== undefined && path.startsWith(valid)) return valid;
  throw new LaminixError("ERR_PATH_NOT_VALID", `the config names ${path}, which is not valid in the store`, {
    details: { path },
    hint: "build or fetch it first, for example with nix-store --realise",
  });
}

/** Bytes of the NAR of a file that cannot be executed (Nix manual, "Nix Archive Format"). */
function narSizeOfFile(size: number): number {
  return 112 + Math.ceil(size / 8) * 8;
}

/**
 * In nixpkgs the folder with the tar of links takes part in planning with its real size, which is known only when the
 * contents have been read. Here it counts as an empty one (10 KiB and its checksum), so that a plan needs no files.
 */
const EMPTY_CONTENTS = 10_240 + 544;
