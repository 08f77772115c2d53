/** An image's layers of store paths, planned and no more: no file is read, so a reference graph is enough. */
import type { Strategy } from "../layering/plan.js";
import { nixStore } from "../store/defaultStore.js";
import { parseTime } from "../image/time.js";
import { Base } from "./base.js";
import { type Layering, layeringOf } from "./layering.js";
import { type ImageParts, imageParts, type PlannedLayer, planLayersOf, plannedLayers } from "./plan.js";
import { type ImageSpec, type ResolvedSpec, resolveSpec } from "../spec/spec.js";
import { type BuildOptions, checkBuildOptions } from "./buildOptions.js";

export interface LayersPlan {
  /** Or `pipeline`, of a `layeringPipeline`. */
  readonly strategy: Strategy | "pipeline";
  /** Bottom first; those of a base image and the one for contents are not among them. */
  readonly layers: readonly PlannedLayer[];
}

export type PlanningOptions = Pick<
  BuildOptions,
  "store" | "signal" | "onProgress" | "registries" | "maxUnpacked"
>;

/** What layers are planned from. */
export interface Planning {
  readonly spec: ResolvedSpec;
  readonly parts: ImageParts;
  /** Layers of the base image. */
  readonly baseLayers: number;
  /** As the spec has it. */
  readonly layering: Layering;
}

/** @throws {LaminixError} as `streamLayeredImage` does */
export async function planLayers(spec: ImageSpec, options: PlanningOptions = {}): Promise<LayersPlan> {
  return withPlanning(spec, options, async ({ spec: resolved, parts, layering }) => {
    const layers = await planLayersOf(resolved, parts, layering);
    const strategy = resolved.layeringPipeline === null ? resolved.strategy : "pipeline";
    return { strategy, layers: plannedLayers(layers, parts.closure) };
  });
}

/**
 * What layers are planned from is there for as long as `use` runs.
 * @throws {LaminixError} as `streamLayeredImage` does
 */
export async function withPlanning<T>(
  spec: ImageSpec,
  options: PlanningOptions,
  use: (planning: Planning) => Promise<T>,
): Promise<T> {
  checkBuildOptions(options);
  const { store = nixStore, signal, onProgress, registries, maxUnpacked } = options;
  const asked = resolveSpec(spec);
  const { seconds: mtime } = parseTime(asked.mtime, "mtime");
  using base = await Base.of(asked, options);
  const resolved = base?.platformFor(asked, spec) ?? asked;
  const baseLayers = base?.image.layers.length ?? 0;
  const layering = await layeringOf(resolved, baseLayers, { signal, onProgress, registries, maxUnpacked });
  await using parts = await imageParts(resolved, store, base, { mtime, signal, onProgress, hold: false });
  return await use({ spec: resolved, parts, baseLayers, layering });
}
