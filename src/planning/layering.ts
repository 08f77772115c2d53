/** How a spec wants its store paths put into layers. */
import { balanced } from "../layering/balanced/balanced.js";
import { graphOf, type LayerPlan, type VirtualNode } from "../layering/graph.js";
import { layerBudget, STRATEGIES } from "../layering/plan.js";
import type { LayeringSpec } from "../spec/spec.js";
import type { Closure } from "../store/closure.js";
import type { StorePath } from "../store/storePath.js";
import type { OpeningOptions } from "./buildOptions.js";

/**
 * @param virtual what is in the image beside the closure
 * @param without paths that are not to be in a layer
 */
export type Layering = (
  closure: Closure,
  virtual: readonly VirtualNode[],
  without: ReadonlySet<StorePath>,
) => LayerPlan;

/** Of an image whose store paths are in no layers of their own. */
export const noLayers: Layering = () => [];

/**
 * @param baseLayers layers of the base image
 * @throws {LaminixError} ERR_LAYER_BUDGET; for what is in files ERR_SPEC, ERR_FILE_READ, ERR_JSON; for
 *   previous images as `readPlan`
 */
export async function layeringOf(
  spec: LayeringSpec,
  baseLayers: number,
  options: OpeningOptions,
): Promise<Layering> {
  const { signal, progress } = options;
  const useless = spec.layeringPipeline !== null || spec.strategy !== "balanced" ? givenFor(spec) : [];
  if (useless.length > 0) progress.warn(`only the strategy balanced uses ${useless.join(" and ")}`);
  if (spec.layeringPipeline !== null) {
    // Loaded for those who have one.
    const { pipelineLayering, readPipeline } = await import("./pipeline.js");
    const pipeline = await readPipeline(spec.layeringPipeline, { signal });
    return pipelineLayering(pipeline, baseLayers, progress);
  }
  const limit = layerBudget(spec.maxLayers, baseLayers);
  if (spec.strategy === "balanced") {
    const { balancedOptions } = await import("./balanced.js");
    const optionsFor = await balancedOptions(spec, options);
    return (closure, _, without) => {
      const graph = graphOf(closure, [], without);
      return balanced(graph, limit, optionsFor(graph));
    };
  }
  const strategy = STRATEGIES[spec.strategy];
  return (closure, virtual, without) =>
    strategy(graphOf(closure, spec.strategy === "auto" ? virtual : [], without), limit);
}

/** The keys that are given for the strategy `balanced`. */
function givenFor({ previous, history, volatility }: LayeringSpec): string[] {
  return [
    ...(previous === null ? [] : ["previous"]),
    ...(history.length === 0 ? [] : ["history"]),
    ...(volatility.length === 0 ? [] : ["volatility"]),
  ];
}
