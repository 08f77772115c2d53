/** dockerTools' `streamLayeredImage`: an image of store paths in many layers, made as it is read. */
import type { Layer } from "../../image/layer.js";
import { foldersTo, StorePathLayer } from "../../image/storePathLayer.js";
import { type Assembly, assemble } from "./assemble.js";
import type { BuiltImage } from "./builtImage.js";
import { type BuildOptions, checkBuildOptions } from "../../planning/buildOptions.js";
import { layeringOf } from "../../planning/layering.js";
import { layerTools } from "./layerTools.js";
import { type PlannedLayer, planLayersOf, plannedLayers } from "../../planning/plan.js";
import { type ImageSpec, resolveSpec } from "../../spec/spec.js";

/**
 * Plans an image; its bytes are made when they are read. Commands of the spec run now.
 * @throws {LaminixError} ERR_SPEC, ERR_SPEC_UNKNOWN_KEY, ERR_LAYER_BUDGET, ERR_PATH_NOT_VALID, ERR_OUTSIDE_STORE,
 *   ERR_STORE_PATH, ERR_ARCHIVE for the base image and previous ones, ERR_REGISTRY, ERR_REGISTRY_AUTH and
 *   ERR_REGISTRY_UNREACHABLE for those in registries, ERR_SCRIPT and ERR_PROGRAM for commands, and what connecting to the
 *   store can throw
 */
export async function streamLayeredImage(spec: ImageSpec, options: BuildOptions = {}): Promise<BuiltImage> {
  checkBuildOptions(options);
  const { signal, onProgress, registries, maxUnpacked } = options;
  return assemble(
    resolveSpec(spec),
    spec,
    {
      begin: async (resolved, baseLayers) => {
        const layering = await layeringOf(resolved, baseLayers, {
          signal,
          onProgress,
          registries,
          maxUnpacked,
        });
        return async (assembly) => {
          const { parts } = assembly;
          const plan = await planLayersOf(resolved, parts, layering);
          const planned = plannedLayers(plan, parts.closure);
          const layers = [...storeLayers(planned, assembly, options), parts.customisation.layer];
          return { layers, plan, planned };
        };
      },
    },
    options,
  );
}

function storeLayers(
  planned: readonly PlannedLayer[],
  { spec, parts: { closure, storeDir }, store, mtime }: Assembly,
  options: BuildOptions,
): Layer[] {
  const { uid, gid, uname, gname } = spec;
  const tools = layerTools(options);
  return planned.map(
    ({ paths, narSize }) =>
      new StorePathLayer({
        paths,
        mtime,
        locate: (path) => store.open(path),
        // Nobody vouches for the hashes in a file, so nothing is remembered under them.
        narHash: (path) => (store.vouchesForHashes ? closure.get(path)?.narHash : undefined),
        narSize,
        parents: foldersTo(storeDir),
        owner: { uid, gid, uname, gname },
        ...tools,
      }),
  );
}
