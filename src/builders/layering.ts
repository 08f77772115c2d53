/** How a spec wants its store paths put into layers. */
import { graphOf, type LayerPlan, type VirtualNode } from "../layering/graph.js";
import { layerBudget, STRATEGIES } from "../layering/plan.js";
import type { Closure } from "../store/closure.js";
import type { StorePath } from "../store/storePath.js";
import type { OnProgress } from "./progress.js";
import type { ResolvedSpec } from "./spec.js";

/**
 * @param virtual what is in the image beside the closure
 * @param without paths that are not to be in a layer
 */
export type Layering = (
  closure: Closure,
  virtual: readonly VirtualNode[],
  without: ReadonlySet<StorePath>,
) => LayerPlan;

export interface LayeringOptions {
  readonly signal?: AbortSignal | undefined;
  /** Is told what a pipeline did that was perhaps not meant. */
  readonly onProgress?: OnProgress | undefined;
}

/**
 * @param baseLayers layers of the base image
 * @throws {LaminixError} ERR_LAYER_BUDGET; for a pipeline ERR_SPEC, ERR_FILE_READ, ERR_JSON
 */
export async function layeringOf(
  spec: Pick<ResolvedSpec, "layeringPipeline" | "maxLayers" | "strategy">,
  baseLayers: number,
  { signal, onProgress }: LayeringOptions,
): Promise<Layering> {
  if (spec.layeringPipeline !== null) {
    // Loaded for those who have one.
    const { layeringBy, readPipeline } = await import("./pipelineLayering.js");
    const pipeline = await readPipeline(spec.layeringPipeline, { signal });
    return layeringBy(pipeline, baseLayers, onProgress);
  }
  const limit = layerBudget(spec.maxLayers, baseLayers);
  const strategy = STRATEGIES[spec.strategy];
  return (closure, virtual, without) =>
    strategy(graphOf(closure, spec.strategy === "auto" ? virtual : [], without), limit);
}
