/** dockerTools' `streamLayeredImage`: an image of store paths in many layers, made as it is read. */
import { imageAnnotations } from "../image/annotations.js";
import { inheritConfig, inheritHistory } from "../image/inherit.js";
import type { Image } from "../image/image.js";
import type { Layer } from "../image/layer.js";
import { foldersTo, StoreLayer } from "../image/storeLayer.js";
import { parseTime } from "../image/time.js";
import { nixStore } from "../store/defaultStore.js";
import type { StorePath } from "../store/storePath.js";
import type { LayerPlan } from "../layering/graph.js";
import { Base } from "./base.js";
import { BuiltImage } from "./builtImage.js";
import { type BuildOptions, checkBuildOptions } from "./buildOptions.js";
import { tagOf } from "./imageTag.js";
import { layeringOf } from "./layering.js";
import { layerTools } from "./layerTools.js";
import { type ImageParts, imageParts, planLayersOf, plannedLayers } from "./plan.js";
import type { StoreSource } from "./source.js";
import { type ImageSpec, type ResolvedSpec, resolveSpec } from "./spec.js";

/**
 * Plans an image; its bytes are made when they are read. Commands of the spec run now.
 * @throws {LaminixError} ERR_SPEC, ERR_SPEC_UNKNOWN_KEY, ERR_LAYER_BUDGET, ERR_PATH_NOT_VALID, ERR_OUTSIDE_STORE,
 *   ERR_STORE_PATH, ERR_ARCHIVE for the base image, ERR_SCRIPT and ERR_PROGRAM for commands, and what connecting to the
 *   store can throw
 */
export async function streamLayeredImage(spec: ImageSpec, options: BuildOptions = {}): Promise<BuiltImage> {
  checkBuildOptions(options);
  const { signal, store = nixStore, onProgress } = options;
  const asked = resolveSpec(spec);
  const created = parseTime(asked.created, "created");
  const mtime = parseTime(asked.mtime, "mtime").seconds;
  const base = await Base.of(asked, { signal });
  const resolved = base?.platformFor(asked, spec) ?? asked;
  let parts: ImageParts | undefined;
  try {
    const layering = await layeringOf(resolved, base?.image.layers.length ?? 0, { signal, onProgress });
    parts = await imageParts(resolved, store, base, { mtime, signal, onProgress, hold: true });
    const plan = await planLayersOf(resolved, parts, layering);
    onProgress?.({ type: "closure", paths: parts.closure.size, narSize: parts.closure.narSize });
    const image: Image = {
      config: inheritConfig(resolved.config, base?.config),
      architecture: resolved.architecture,
      variant: resolved.variant,
      created: created.iso,
      inherited: base && inheritHistory(base.image.configFile, base.image.layers, created.iso),
      annotations: imageAnnotations({ created: created.iso, base: base?.manifest }, resolved.annotations),
      layers: [
        ...(base?.image.layers ?? []),
        ...storeLayers(resolved, plan, parts, store, mtime, options),
        parts.customisation.layer,
      ],
    };
    const imageTag = resolved.tag ?? (await tagOf(resolved, plan, parts, { created: created.iso, mtime }));
    const layers = plannedLayers(plan, parts.closure);
    return new BuiltImage({ spec: resolved, image, imageTag, mtime, layers, parts, options });
  } catch (error) {
    base?.[Symbol.dispose]();
    await parts?.[Symbol.asyncDispose]();
    throw error;
  }
}

function storeLayers(
  spec: ResolvedSpec,
  plan: LayerPlan,
  { closure, storeDir }: ImageParts,
  store: StoreSource,
  mtime: number,
  options: BuildOptions,
): Layer[] {
  const { uid, gid, uname, gname } = spec;
  const tools = layerTools(options);
  return plan.map(
    (paths) =>
      new StoreLayer({
        paths,
        mtime,
        locate: (path: StorePath) => store.open(path),
        // Nobody vouches for the hashes in a file, so nothing is remembered under them.
        narHash: (path: StorePath) => (store.vouchesForHashes ? closure.get(path)?.narHash : undefined),
        narSize: paths.reduce((sum, path) => sum + (closure.get(path)?.narSize ?? 0), 0),
        parents: foldersTo(storeDir),
        owner: { uid, gid, uname, gname },
        ...tools,
      }),
  );
}
