/** An image's layers of store paths, planned and no more: no file is read, so a reference graph is enough. */
import type { Strategy } from "../layering/plan.js";
import { nixStore } from "../store/defaultStore.js";
import { DockerArchive } from "../transports/dockerArchive/read.js";
import { type PlannedLayer, planImage, plannedLayers } from "./plan.js";
import { type ImageSpec, resolveSpec } from "./spec.js";
import { type BuildOptions, checkBuildOptions } from "./buildOptions.js";

export interface LayersPlan {
  /** Or `pipeline`, of a `layeringPipeline`. */
  readonly strategy: Strategy | "pipeline";
  /** Bottom first; those of a base image and the one for contents are not among them. */
  readonly layers: readonly PlannedLayer[];
}

/** @throws {LaminixError} as `streamLayeredImage` does */
export async function planLayers(
  spec: ImageSpec,
  options: Pick<BuildOptions, "store" | "signal" | "onProgress"> = {},
): Promise<LayersPlan> {
  checkBuildOptions(options);
  const { store = nixStore, signal, onProgress } = options;
  const resolved = resolveSpec(spec);
  const below = await baseLayers(resolved.fromImage, signal);
  const plan = await planImage(resolved, store, below, { signal, onProgress });
  const strategy = resolved.layeringPipeline === null ? resolved.strategy : "pipeline";
  return { strategy, layers: plannedLayers(plan) };
}

async function baseLayers(fromImage: string | null, signal: AbortSignal | undefined): Promise<number> {
  if (fromImage === null) return 0;
  using base = await DockerArchive.open(fromImage, { signal });
  return base.images[0]?.layers.length ?? 0;
}
