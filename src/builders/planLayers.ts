/** An image's layers of store paths, planned and no more: no file is read, so a reference graph is enough. */
import type { Strategy } from "../layering/plan.js";
import { nixStore } from "../store/defaultStore.js";
import { openBase, withBasePlatform } from "./base.js";
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
  const asked = resolveSpec(spec);
  using base = await openBase(asked, { signal });
  const [baseImage] = base?.images ?? [];
  const resolved = withBasePlatform(asked, spec, baseImage);
  const plan = await planImage(resolved, store, baseImage?.layers.length ?? 0, { signal });
  return { strategy: resolved.strategy, layers: plannedLayers(plan) };
}
