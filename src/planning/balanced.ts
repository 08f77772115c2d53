/** What a spec tells the strategy `balanced` beside the graph. */
import type { BalancedOptions } from "../layering/balanced/balanced.js";
import { balancedWithGain, type SearchGain } from "../layering/balanced/gain.js";
import type { PreviousLayer } from "../layering/balanced/previous.js";
import { type Graph, graphOf, type LayerPlan } from "../layering/graph.js";
import { layerBudget } from "../layering/plan.js";
import { baseName, type StorePath } from "../store/storePath.js";
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

/** Where the nodes of a graph were: by their paths, and those that are new by what they are new versions of. */
export function previousLayers(plan: readonly (readonly StorePath[])[], graph: Graph): PreviousLayer[] {
  const nodeOf = new Map(graph.names.slice(0, graph.pathCount).map((name, node) => [name, node]));
  const nodes = plan.map((layer) => layer.flatMap((path) => nodeOf.get(path) ?? []));
  const isWhole = nodes.map((its, i) => its.length === plan[i]?.length);
  const placed = new Set(nodes.flat());
  const gone = plan.flatMap((layer, i) =>
    layer.flatMap((path) => (nodeOf.has(path) ? [] : [{ path, layer: i }])),
  );
  const rest = [...nodeOf.values()].filter((node) => !placed.has(node));
  for (const [node, layer] of successors(rest, gone, graph)) {
    nodes[layer]?.push(node);
    isWhole[layer] = false;
  }
  return nodes.flatMap((its, i) => (its.length === 0 ? [] : [{ nodes: its, isWhole: isWhole[i] === true }]));
}

interface GonePath {
  readonly path: StorePath;
  readonly layer: number;
}

/**
 * The layers of nodes that took the place of paths that are gone: those of the same name and version first, then those of
 * the same package. Of several, the ones that change least are at the bottom of the plan, and early in the graph.
 */
function successors(nodes: readonly number[], gone: readonly GonePath[], graph: Graph): Map<number, number> {
  const layers = new Map<number, number>();
  const taken = new Set<GonePath>();
  for (const key of [nameAndVersion, keyOf]) {
    const places = new Map<string, GonePath[]>();
    for (const each of gone.toReversed()) {
      const like = places.get(key(each.path));
      if (like) like.push(each);
      else places.set(key(each.path), [each]);
    }
    for (const node of nodes) {
      const like = places.get(key(graph.names[node] as StorePath)) ?? [];
      while (like.length > 1 && taken.has(like.at(-1) as GonePath)) like.pop();
      const [place] = like.slice(-1);
      // Where there are more of a package now, they go where the last one was.
      if (!place || layers.has(node) || (taken.has(place) && key !== keyOf)) continue;
      taken.add(place);
      layers.set(node, place.layer);
    }
  }
  return layers;
}

function nameAndVersion(path: StorePath): string {
  return baseName(path).slice(33);
}
