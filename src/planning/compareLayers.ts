/** What each strategy would make of an image, measured. */
import { graphOf } from "../layering/graph.js";
import { type Measure, measure } from "../layering/measure.js";
import { STRATEGIES, type Strategy } from "../layering/plan.js";
import { weighing } from "./balancedLayering.js";
import { layeringOf } from "./layering.js";
import { planLayersOf } from "./plan.js";
import { type PlanningOptions, withPlanning } from "./planLayers.js";
import type { ImageSpec } from "../spec/spec.js";

export interface LayersComparison {
  /** Bytes of the paths that change, on average over the paths that may: what no plan can move less than. */
  readonly ideal: number;
  readonly strategies: readonly StrategyMeasure[];
}

export interface StrategyMeasure extends Pick<Measure, "moved" | "efficiency"> {
  /** Or `pipeline`, of a `layeringPipeline`. */
  readonly strategy: Strategy | "pipeline";
  /** How many layers of store paths there are. */
  readonly layers: number;
}

/** @throws {LaminixError} as `planLayers` does */
export async function compareLayers(
  spec: ImageSpec,
  options: PlanningOptions = {},
): Promise<LayersComparison> {
  return withPlanning(spec, options, async ({ spec: resolved, parts, baseLayers }) => {
    const graph = graphOf(parts.closure, [], parts.inBase);
    const { signal, registries, maxUnpacked } = options;
    const weights = (await weighing(resolved, { signal, registries, maxUnpacked }))(graph);
    const rows: (StrategyMeasure & Measure)[] = [];
    const add = async (strategy: StrategyMeasure["strategy"], asked: typeof resolved): Promise<void> => {
      const layering = await layeringOf(asked, baseLayers, { signal, registries, maxUnpacked });
      const plan = await planLayersOf(asked, parts, layering);
      rows.push({ strategy, layers: plan.length, ...measure(graph, plan, weights) });
    };
    for (const strategy of Object.keys(STRATEGIES) as Strategy[])
      await add(strategy, { ...resolved, strategy, layeringPipeline: null });
    if (resolved.layeringPipeline !== null) await add("pipeline", resolved);
    const strategies = rows.map(({ ideal: _, ...row }) => row);
    return { ideal: rows[0]?.ideal ?? 0, strategies };
  });
}
