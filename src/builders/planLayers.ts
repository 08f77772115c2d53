/** An image's layers of store paths, planned and no more: no file is read, so a reference graph is enough. */
import type { Strategy } from "../layering/plan.js";
import { nixStore } from "../store/defaultStore.js";
import { parseTime } from "../image/time.js";
import { Base } from "./base.js";
import { layeringOf } from "./layering.js";
import { imageParts, type PlannedLayer, planLayersOf, plannedLayers } from "./plan.js";
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
  options: Pick<BuildOptions, "store" | "signal" | "onProgress" | "registries"> = {},
): Promise<LayersPlan> {
  checkBuildOptions(options);
  const { store = nixStore, signal, onProgress } = options;
  const asked = resolveSpec(spec);
  const { seconds: mtime } = parseTime(asked.mtime, "mtime");
  using base = await Base.of(asked, options);
  const resolved = base?.platformFor(asked, spec) ?? asked;
  const layering = await layeringOf(resolved, base?.image.layers.length ?? 0, { signal, onProgress });
  await using parts = await imageParts(resolved, store, base, { mtime, signal, onProgress, hold: false });
  const layers = await planLayersOf(resolved, parts, layering);
  const strategy = resolved.layeringPipeline === null ? resolved.strategy : "pipeline";
  return { strategy, layers: plannedLayers(layers, parts.closure) };
}
