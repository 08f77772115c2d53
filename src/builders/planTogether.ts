/** The layers of several images, planned such that what they have in common is in layers that they share. */
import { ArgumentError } from "../errors.js";
import { graphOf } from "../layering/graph.js";
import { together } from "../layering/balanced/together.js";
import { layerBudget } from "../layering/plan.js";
import { nixStore } from "../store/defaultStore.js";
import type { StorePath } from "../store/storePath.js";
import { type PlannedLayer, plannedLayers } from "./plan.js";
import { type PlanningOptions, withPlanning } from "./planLayers.js";
import type { ImageSpec } from "./spec.js";

export interface PlanTogether {
  readonly strategy: "balanced";
  /** In the order of the specs. */
  readonly images: readonly {
    readonly name: string;
    /** Bottom first. */
    readonly layers: readonly PlannedLayer[];
  }[];
}

/**
 * Each image within its own `maxLayers`. Strategies, pipelines and previous plans of the specs are without effect.
 * @throws {LaminixError} as `planLayers` does
 */
export async function planTogether(
  specs: readonly ImageSpec[],
  options: PlanningOptions = {},
): Promise<PlanTogether> {
  if (!Array.isArray(specs)) throw new ArgumentError("specs", "an array of specs", specs);
  const { store = nixStore, signal } = options;
  const images: { name: string; limit: number; paths: StorePath[] }[] = [];
  for (const spec of specs as readonly ImageSpec[]) {
    const plain = { ...spec, strategy: "balanced", layeringPipeline: null, previous: null } as const;
    const image = await withPlanning(
      plain,
      options,
      ({ spec: { name, maxLayers, includeStorePaths }, parts, baseLayers }) =>
        Promise.resolve({
          name,
          limit: layerBudget(maxLayers, baseLayers),
          paths: includeStorePaths ? parts.closure.paths.filter((path) => !parts.inBase.has(path)) : [],
        }),
    );
    images.push(image);
  }
  const closure = await store.closure([...new Set(images.flatMap(({ paths }) => paths))], { signal });
  const graph = graphOf(closure);
  const nodeOf = new Map(graph.names.map((path, node) => [path, node]));
  const plans = together(
    graph,
    images.map(({ paths, limit }) => ({ limit, nodes: paths.flatMap((path) => nodeOf.get(path) ?? []) })),
  );
  return {
    strategy: "balanced",
    images: images.map(({ name }, i) => ({ name, layers: plannedLayers(plans[i] ?? [], closure) })),
  };
}
