/** What each strategy would make of an image, measured. */
import { requireKnown } from "../arguments.js";
import { graphOf, type LayerPlan } from "../layering/graph.js";
import { type Measure, measure } from "../layering/measure.js";
import { STRATEGIES, type Strategy } from "../layering/plan.js";
import { SILENT } from "../progress.js";
import type { ImageSpec } from "../spec/spec.js";
import { type LayersSearch, searchedPlan } from "./balanced.js";
import { BUILD_KEYS, type PlanningOptions } from "./buildOptions.js";
import { layeringOf } from "./layering.js";
import { planOf } from "./plan.js";
import { prepareToPlan } from "./planLayers.js";
import { readWeights } from "./weights.js";

export interface LayersComparison {
  /** Bytes of the paths that change, on average over the paths that may: what no plan can move less than. */
  readonly ideal: number;
  readonly strategies: readonly StrategyMeasure[];
  /** What the search of the strategy `balanced` did. */
  readonly search: LayersSearch;
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
  requireKnown(options, BUILD_KEYS);
  await using prepared = await prepareToPlan(spec, options);
  const { baseLayers, closure, inBase } = prepared;
  // What there is to tell of previous images has been told.
  const silently = { ...options, progress: SILENT };
  const graph = graphOf(closure, [], inBase);
  const weights = (await readWeights(prepared.spec, silently))(graph);
  const rows: (StrategyMeasure & Measure)[] = [];
  const add = (strategy: StrategyMeasure["strategy"], plan: LayerPlan): void => {
    rows.push({ strategy, layers: plan.length, ...measure(graph, plan, weights) });
  };
  const planBy = async (asked: typeof prepared.spec): Promise<LayerPlan> =>
    planOf(prepared, await layeringOf(asked, baseLayers, silently));
  const { plan: balanced, search } = await searchedPlan(prepared, silently);
  for (const strategy of Object.keys(STRATEGIES) as Strategy[]) {
    const asked = { ...prepared.spec, strategy, layeringPipeline: null };
    add(strategy, strategy === "balanced" ? balanced : await planBy(asked));
  }
  if (prepared.spec.layeringPipeline !== null) add("pipeline", await planBy(prepared.spec));
  const strategies = rows.map(({ ideal: _, ...row }) => row);
  return { ideal: rows[0]?.ideal ?? 0, strategies, search };
}
