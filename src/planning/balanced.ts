/** What a spec tells the strategy `balanced` beside the graph. */
import type { BalancedOptions } from "../layering/balanced/balanced.js";
import type { PreviousLayer } from "../layering/balanced/previous.js";
import type { Graph } from "../layering/graph.js";
import type { StorePath } from "../store/storePath.js";
import type { OpeningOptions } from "./buildOptions.js";
import type { LayeringSpec } from "../spec/spec.js";
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
