/** How a spec wants its store paths put into layers. */
import { balanced } from "../layering/balanced/balanced.js";
import { graphOf, type LayerPlan, type VirtualNode } from "../layering/graph.js";
import { layerBudget, STRATEGIES } from "../layering/plan.js";
import type { Closure } from "../store/closure.js";
import type { StorePath } from "../store/storePath.js";
import type { Registries } from "../transports/registry/registries.js";
import type { UnpackBudget } from "../transports/unpackBudget.js";
import type { PlanningKeys } from "./balancedLayering.js";
import type { OnProgress } from "../progress.js";
import type { ResolvedSpec } from "../spec/spec.js";

/**
 * @param virtual what is in the image beside the closure
 * @param without paths that are not to be in a layer
 */
export type Layering = (
  closure: Closure,
  virtual: readonly VirtualNode[],
  without: ReadonlySet<StorePath>,
) => LayerPlan;

/** The keys of a spec that decide how store paths are put into layers. */
export type LayeringKeys = PlanningKeys & Pick<ResolvedSpec, "layeringPipeline" | "maxLayers" | "strategy">;

export interface LayeringOptions {
  readonly signal?: AbortSignal | undefined;
  /** Is told what was perhaps not meant, and which image a tag led to. */
  readonly onProgress?: OnProgress | undefined;
  /** How registries are asked, of previous images in one; by this process's environment unless given. */
  readonly registries?: Registries | undefined;
  /** Bytes of images that may go into temporary files, in all; 64 GiB unless given. */
  readonly maxUnpacked?: number | UnpackBudget | undefined;
}

/**
 * @param baseLayers layers of the base image
 * @throws {LaminixError} ERR_LAYER_BUDGET; for what is in files ERR_SPEC, ERR_FILE_READ, ERR_JSON; for
 *   previous images as `planOfImage`
 */
export async function layeringOf(
  spec: LayeringKeys,
  baseLayers: number,
  options: LayeringOptions,
): Promise<Layering> {
  const { signal, onProgress } = options;
  const useless = spec.layeringPipeline !== null || spec.strategy !== "balanced" ? givenFor(spec) : [];
  if (useless.length > 0) {
    const message = `only strategy balanced heeds ${useless.join(" and ")}`;
    onProgress?.({ type: "warning", message });
  }
  if (spec.layeringPipeline !== null) {
    // Loaded for those who have one.
    const { layeringBy, readPipeline } = await import("./pipelineLayering.js");
    const pipeline = await readPipeline(spec.layeringPipeline, { signal });
    return layeringBy(pipeline, baseLayers, onProgress);
  }
  const limit = layerBudget(spec.maxLayers, baseLayers);
  if (spec.strategy === "balanced") {
    const { balancedOptions } = await import("./balancedLayering.js");
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
function givenFor({ previous, history, volatility }: LayeringKeys): string[] {
  return [
    ...(previous === null ? [] : ["previous"]),
    ...(history.length === 0 ? [] : ["history"]),
    ...(volatility.length === 0 ? [] : ["volatility"]),
  ];
}
