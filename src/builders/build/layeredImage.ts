/** An image of store paths in many layers: dockerTools' `streamLayeredImage`. */
import type { Layer } from "../../image/layer.js";
import { foldersTo, StorePathLayer } from "../../image/storePathLayer.js";
import { type BuildOptions, checkBuildOptions } from "../../planning/buildOptions.js";
import { type PlannedLayer, plannedLayers, planOf } from "../../planning/plan.js";
import { prepare, type Prepared } from "../../planning/prepare.js";
import { Progress } from "../../progress.js";
import { type ImageSpec, resolveSpec } from "../../spec/spec.js";
import { assemble, type OwnLayers } from "./assemble.js";
import type { BuiltImage } from "./builtImage.js";
import { layerTools } from "./layerTools.js";
import { mountLayer } from "./mountLayer.js";

/**
 * Plans the image and runs its commands; the bytes of the store paths are read when the image is.
 * @throws {LaminixError} as `streamLayeredImage`
 */
export async function layeredImage(spec: ImageSpec, options: BuildOptions): Promise<BuiltImage> {
  checkBuildOptions(options);
  const progress = new Progress(options.onProgress);
  const prepared = await prepare(resolveSpec(spec, progress), { ...options, progress, hold: true });
  const make = prepared.spec.snapshotter ? mountLayer : manyLayers;
  return assemble(prepared, options, () => make(prepared, options));
}

async function manyLayers(prepared: Prepared, options: BuildOptions): Promise<OwnLayers> {
  const plan = await planOf(prepared, prepared.layering);
  const planned = plannedLayers(plan, prepared.closure);
  return { layers: [...storeLayers(planned, prepared, options), prepared.rootLayer.layer], plan, planned };
}

function storeLayers(
  planned: readonly PlannedLayer[],
  { spec, closure, storeDir, store, mtime, baseLayers, progress }: Prepared,
  options: BuildOptions,
): Layer[] {
  const count = baseLayers + planned.length + 1; // the layer of the root is the last one
  const { uid, gid, uname, gname } = spec;
  const tools = layerTools(options);
  return planned.map(
    ({ paths, narSize }, i) =>
      new StorePathLayer({
        paths,
        mtime,
        locate: (path) => store.open(path),
        // Nobody vouches for the hashes in a file, so nothing is remembered under them.
        narHash: (path) => (store.vouchesForHashes ? closure.get(path)?.narHash : undefined),
        narSize,
        onHashed: (hashed) => {
          const size = Math.max(narSize, hashed);
          progress.hash({ kind: "store", sources: paths }, { index: baseLayers + i, count, hashed, size });
        },
        parents: foldersTo(storeDir),
        owner: { uid, gid, uname, gname },
        ...tools,
      }),
  );
}
