/** An image's layers of store paths, planned and no more: no file is read, so a reference graph is enough. */
import { requireKnown } from "../arguments.js";
import type { Strategy } from "../layering/plan.js";
import { Progress } from "../progress.js";
import type { ImageSpec } from "../spec/spec.js";
import { BUILD_KEYS, checkBuildOptions, type PlanningOptions } from "./buildOptions.js";
import type { PlannedLayer } from "./plan.js";
import type { Prepared } from "./prepare.js";

export interface LayersPlan {
  /** Or `pipeline`, of a `layeringPipeline`. */
  readonly strategy: Strategy | "pipeline";
  /** Bottom first; those of a base image and the one for contents are not among them. */
  readonly layers: readonly PlannedLayer[];
  /**
   * Every store path that the image refers to, dependencies first, and bytes of their NARs together; those of a base
   * image, and those that a container is to mount, are among them.
   */
  readonly closure: PlannedLayer;
}

/** @throws {LaminixError} as `streamLayeredImage` does */
export async function planLayers(spec: ImageSpec, options: PlanningOptions = {}): Promise<LayersPlan> {
  requireKnown(options, BUILD_KEYS);
  await using prepared = await prepareToPlan(spec, options);
  const { plannedLayers, planOf } = await import("./plan.js");
  const layers = await planOf(prepared, prepared.layering);
  const { closure } = prepared;
  return {
    strategy: strategyOf(prepared.spec),
    layers: plannedLayers(layers, closure),
    closure: { paths: closure.paths, narSize: closure.narSize },
  };
}

export function strategyOf({
  strategy,
  layeringPipeline,
}: Pick<Prepared["spec"], "strategy" | "layeringPipeline">): LayersPlan["strategy"] {
  return layeringPipeline === null ? strategy : "pipeline";
}

/**
 * What layers are planned from. Nothing is held: no file is going to be read.
 * @throws {LaminixError} as `streamLayeredImage` does
 */
export async function prepareToPlan(
  spec: ImageSpec,
  options: PlanningOptions,
  layering?: "none",
): Promise<Prepared> {
  checkBuildOptions(options);
  const progress = new Progress(options.onProgress);
  const { resolveSpec } = await import("../spec/spec.js");
  const { prepare } = await import("./prepare.js");
  return prepare(resolveSpec(spec, progress), { ...options, progress, layering, hold: false });
}
