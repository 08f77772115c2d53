/** An image's layers of store paths, planned and no more: no file is read, so a reference graph is enough. */
import type { Strategy } from "../layering/plan.js";
import { nixStore } from "../store/defaultStore.js";
import { baseLayers } from "./baseLayers.js";
import { type PlannedLayer, planImage, plannedLayers } from "./plan.js";
import { type ImageSpec, resolveSpec } from "./spec.js";
import { type BuildOptions, checkBuildOptions } from "./buildOptions.js";

export interface LayersPlan {
  readonly strategy: Strategy;
  /** Bottom first; those of a base image and the one for contents are not among them. */
  readonly layers: readonly PlannedLayer[];
}

/** @throws {LaminixError} as `streamLayeredImage` does */
export async function planLayers(
  spec: ImageSpec,
  options: Pick<BuildOptions, "store" | "signal"> = {},
): Promise<LayersPlan> {
  checkBuildOptions(options);
  const { store = nixStore, signal } = options;
  const resolved = resolveSpec(spec);
  const plan = await planImage(resolved, store, await baseLayers(resolved.fromImage, signal), { signal });
  return { strategy: resolved.strategy, layers: plannedLayers(plan) };
}
