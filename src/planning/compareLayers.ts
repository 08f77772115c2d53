/** What each strategy would make of an image, measured. */
import { requireKnown } from "../arguments.js";
import { graphOf } from "../layering/graph.js";
import { type Measure, measure } from "../layering/measure.js";
import { STRATEGIES, type Strategy } from "../layering/plan.js";
import { SILENT } from "../progress.js";
import type { ImageSpec } from "../spec/spec.js";
import { BUILD_KEYS, type PlanningOptions } from "./buildOptions.js";
import { layeringOf } from "./layering.js";
import { planOf } from "./plan.js";
import { prepareToPlan } from "./planLayers.js";
import { readWeights } from "./weights.js";

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
  requireKnown(options, BUILD_KEYS);
  await using prepared = await prepareToPlan(spec, options);
  const { baseLayers, closure, inBase } = prepared;
  // What there is to tell of previous images has been told.
  const silently = { ...options, progress: SILENT };
  const graph = graphOf(closure, [], inBase);
  const weights = (await readWeights(prepared.spec, silently))(graph);
  const rows: (StrategyMeasure & Measure)[] = [];
  const add = async (strategy: StrategyMeasure["strategy"], asked: typeof prepared.spec): Promise<void> => {
    const plan = await planOf(prepared, await layeringOf(asked, baseLayers, silently));
    rows.push({ strategy, layers: plan.length, ...measure(graph, plan, weights) });
  };
  for (const strategy of Object.keys(STRATEGIES) as Strategy[])
    await add(strategy, { ...prepared.spec, strategy, layeringPipeline: null });
  if (prepared.spec.layeringPipeline !== null) await add("pipeline", prepared.spec);
  const strategies = rows.map(({ ideal: _, ...row }) => row);
  return { ideal: rows[0]?.ideal ?? 0, strategies };
}
