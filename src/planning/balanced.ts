/** What a spec tells the strategy `balanced` beside the graph. */
import type { BalancedOptions } from "../layering/balanced/balanced.js";
import { balancedWithGain, type SearchGain } from "../layering/balanced/gain.js";
import type { PreviousLayer } from "../layering/balanced/previous.js";
import { type Graph, graphOf, type LayerPlan } from "../layering/graph.js";
import { layerBudget } from "../layering/plan.js";
import type { StorePath } from "../store/storePath.js";
import type { OpeningOptions } from "./buildOptions.js";
import type { LayeringSpec } from "../spec/spec.js";
import type { Prepared } from "./prepare.js";
import { readPlan } from "./previousImages.js";
import { keyOf, readWeights } from "./weights.js";

/**
 * Reads the files and images that the spec names.
 * @returns what to plan by, for each graph
 * @throws {LaminixError} ERR_SPEC, ERR_FILE_READ, ERR_JSON; as `readPlan`
 */
export async function balancedOptions(
  spec: LayeringSpec,
  options: OpeningOptions,
): Promise<(graph: Graph) => BalancedOptions> {
  const weights = await readWeights(spec, options);
  const previous =
    spec.previous === null ? undefined : await readPlan(spec.previous, "previous", spec, options);
  return (graph) => ({
    weights: weights(graph),
    ...(previous && { previous: previousLayers(previous, graph), horizon: spec.horizon }),
  });
}

/** What the search for better layers gained, and what it left alone. */
export interface LayersSearch extends SearchGain {
  /** Within how many changes a move has to save the bytes of the layers that it changes; `null` without a previous plan. */
  readonly horizon: number | null;
}

/**
 * The plan of the strategy `balanced`, whatever the spec says, and what its search did.
 * @throws {LaminixError} ERR_LAYER_BUDGET, ERR_SPEC, ERR_FILE_READ, ERR_JSON; as `readPlan`
 */
export async function searchedPlan(
  { spec, closure, inBase, baseLayers }: Pick<Prepared, "spec" | "closure" | "inBase" | "baseLayers">,
  options: OpeningOptions,
): Promise<{ readonly plan: LayerPlan; readonly search: LayersSearch }> {
  const limit = layerBudget(spec.maxLayers, baseLayers);
  const optionsFor = await balancedOptions(spec, options);
  const graph = graphOf(closure, [], spec.includeStorePaths ? inBase : new Set(closure.paths));
  const { plan, gain } = balancedWithGain(graph, limit, optionsFor(graph));
  return { plan, search: { ...gain, horizon: spec.previous === null ? null : spec.horizon } };
}

/** Where the nodes of a graph were: by their paths, and those that are new by the packages that they are of. */
export function previousLayers(plan: readonly (readonly StorePath[])[], graph: Graph): PreviousLayer[] {
  const layerOfPath = new Map(plan.flatMap((layer, i) => layer.map((path) => [path as string, i] as const)));
  const layerOfPackage = new Map(
    plan.flatMap((layer, i) => layer.map((path) => [keyOf(path), i] as const)).toReversed(),
  );
  const nodes: number[][] = plan.map(() => []);
  const isIntact = plan.map(() => true);
  const found = new Set<string>();
  for (let node = 0; node < graph.pathCount; node++) {
    const path = graph.names[node] as StorePath;
    const same = layerOfPath.get(path);
    const layer = same ?? layerOfPackage.get(keyOf(path));
    if (same !== undefined) found.add(path);
    if (layer === undefined) continue;
    nodes[layer]?.push(node);
    if (same === undefined) isIntact[layer] = false;
  }
  return plan.flatMap((layer, i) => {
    const its = nodes[i] ?? [];
    const isWhole = isIntact[i] === true && layer.every((path) => found.has(path));
    return its.length === 0 ? [] : [{ nodes: its, isWhole }];
  });
}
