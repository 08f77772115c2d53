/** The layers of several images, planned such that what they have in common is in layers that they share. */
import { requireKnown, requireOptions } from "../arguments.js";
import { ArgumentError } from "../errors.js";
import { type Graph, graphOf } from "../layering/graph.js";
import type { Weights } from "../layering/measure.js";
import { together } from "../layering/balanced/together.js";
import type { PreviousLayer } from "../layering/balanced/previous.js";
import { layerBudget } from "../layering/plan.js";
import type { ImageSpec } from "../spec/spec.js";
import { nixStore } from "../store/defaultStore.js";
import type { StorePath } from "../store/storePath.js";
import { previousLayers } from "./balanced.js";
import { BUILD_KEYS, type PlanningOptions } from "./buildOptions.js";
import { type PlannedLayer, plannedLayers } from "./plan.js";
import { prepareToPlan } from "./planLayers.js";
import { readPlan } from "./previousImages.js";
import { readWeights } from "./weights.js";

export interface PlanTogether {
  readonly strategy: "balanced";
  /** In the order of the specs. */
  readonly images: readonly {
    readonly name: string;
    /** Bottom first. */
    readonly layers: readonly PlannedLayer[];
  }[];
}

interface ImageFacts {
  readonly name: string;
  readonly limit: number;
  readonly paths: readonly StorePath[];
  /** How likely each path is to change, as its spec has it. */
  readonly weights: (graph: Graph) => Weights;
  /** Its previous plan, and how many changes the new one is to serve. */
  readonly previous: readonly (readonly StorePath[])[] | undefined;
  readonly horizon: number;
}

/**
 * Each image within its own `maxLayers`. Strategies and pipelines of the specs are without effect; of their histories and
 * hints the mean counts, of their horizons the least.
 * @throws {LaminixError} as `planLayers` does
 */
export async function planTogether(
  specs: readonly ImageSpec[],
  options: PlanningOptions = {},
): Promise<PlanTogether> {
  if (!Array.isArray(specs)) throw new ArgumentError("specs", "an array of specs", specs);
  requireKnown(options, BUILD_KEYS);
  const { store = nixStore, signal } = options;
  const images: ImageFacts[] = [];
  for (const spec of specs as readonly ImageSpec[]) images.push(await imageFacts(spec, options));
  const closure = await store.closure([...new Set(images.flatMap(({ paths }) => paths))], { signal });
  const graph = graphOf(closure);
  const nodeOf = new Map(graph.names.map((path, node) => [path, node]));
  const plans = together(
    graph,
    images.map(({ paths, limit }) => ({ limit, nodes: paths.flatMap((path) => nodeOf.get(path) ?? []) })),
    {
      weights: meanOf(images.map(({ weights }) => weights(graph))),
      previous: layersBefore(images, graph),
      horizon: Math.min(...images.map(({ horizon }) => horizon)),
    },
  );
  return {
    strategy: "balanced",
    images: images.map(({ name }, i) => ({ name, layers: plannedLayers(plans[i] ?? [], closure) })),
  };
}

async function imageFacts(given: ImageSpec, options: PlanningOptions): Promise<ImageFacts> {
  requireOptions(given, "spec");
  const balanced = { ...given, strategy: "balanced", layeringPipeline: null } as const;
  await using prepared = await prepareToPlan(balanced, options, "none");
  const { spec, baseLayers, closure, inBase, progress } = prepared;
  const { previous, horizon } = spec;
  const opening = { ...options, progress };
  return {
    name: spec.name,
    limit: layerBudget(spec.maxLayers, baseLayers),
    paths: spec.includeStorePaths ? closure.paths.filter((path) => !inBase.has(path)) : [],
    weights: await readWeights(spec, opening),
    previous: previous === null ? undefined : await readPlan(previous, "previous", spec, opening),
    horizon,
  };
}

/** Each layer once. A path that was in several counts for the first, and the others are no longer as they were. */
function layersBefore(images: readonly ImageFacts[], graph: Graph): PreviousLayer[] | undefined {
  const plans = images.flatMap(({ previous }) => (previous ? [previous] : []));
  if (plans.length === 0) return undefined;
  const layers = new Map(plans.flat().map((paths) => [[...paths].sort().join(), paths]));
  const seen = new Set<number>();
  return previousLayers([...layers.values()], graph).flatMap(({ nodes, isWhole }) => {
    const own = nodes.filter((node) => !seen.has(node));
    for (const node of own) seen.add(node);
    return own.length === 0 ? [] : [{ nodes: own, isWhole: isWhole && own.length === nodes.length }];
  });
}

function meanOf(all: readonly Weights[]): Weights | undefined {
  return all[0]?.map((_, node) => all.reduce((sum, weights) => sum + (weights[node] ?? 0), 0) / all.length);
}
