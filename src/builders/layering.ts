/** How a spec wants its store paths put into layers. */
import { type Graph, graphOf, type LayerPlan, type VirtualNode } from "../layering/graph.js";
import { oversights } from "../layering/pipeline/oversights.js";
import { runPipeline } from "../layering/pipeline/run.js";
import type { Pipeline } from "../layering/pipeline/step.js";
import { layerBudget, STRATEGIES } from "../layering/plan.js";
import type { Closure } from "../store/closure.js";
import type { StorePath } from "../store/storePath.js";
import { readPipeline } from "./pipelineFile.js";
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
    const pipeline = await readPipeline(spec.layeringPipeline, { signal });
    return (closure, _, without) =>
      byPipeline(pipeline, graphOf(closure, [], without), baseLayers, onProgress);
  }
  const limit = layerBudget(spec.maxLayers, baseLayers);
  const strategy = STRATEGIES[spec.strategy];
  return (closure, virtual, without) =>
    strategy(graphOf(closure, spec.strategy === "auto" ? virtual : [], without), limit);
}

/** How many layers overlay2, the storage driver of most engines, can mount. */
const MOST_LAYERS = 127;

function byPipeline(
  pipeline: Pipeline,
  graph: Graph,
  baseLayers: number,
  onProgress: OnProgress | undefined,
): LayerPlan {
  const layers = runPipeline(pipeline, graph);
  const messages = oversights(pipeline, graph, layers);
  const others = baseLayers + 1;
  if (others + layers.length > MOST_LAYERS) {
    const last = `["flatten"], ["limit_layers", ${String(MOST_LAYERS - others)}]`;
    messages.push(
      `the image has ${String(others + layers.length)} layers, and most engines cannot mount more than ` +
        `${String(MOST_LAYERS)}${others < MOST_LAYERS ? `: end layeringPipeline with ${last}` : ""}`,
    );
  }
  for (const message of messages) onProgress?.({ type: "warning", message });
  return layers;
}
