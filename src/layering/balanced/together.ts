/**
 * Several images planned at once. A layer that images share may hold no path that one of them lacks, so paths are
 * merged only with those that are in the same images; what these have in common is then in the same layers of each.
 */
import type { Graph, LayerPlan } from "../graph.js";
import { uniformWeights, type Weights } from "../measure.js";
import { inOrder, layerNumbers } from "./balanced.js";
import { type PlannedTogether, type Share, withinBudgets } from "./budgets.js";
import type { Group } from "./group.js";
import { merged } from "./merge.js";
import { HORIZON, kept, notSearched, type PreviousLayer } from "./previous.js";
import { type Problem, problemOf } from "./problem.js";

export interface TogetherOptions {
  /** All are as likely to change unless given. */
  readonly weights?: Weights | undefined;
  /** Layers that the images had; none for plans that others are to follow. */
  readonly previous?: readonly PreviousLayer[] | undefined;
  readonly horizon?: number | undefined;
}

/**
 * @returns a plan for each image; at the bottom what the most of them share
 * @throws {LaminixError} ERR_GRAPH for a graph with a circle
 */
export function together(
  graph: Graph,
  images: readonly PlannedTogether[],
  { weights = uniformWeights(graph), previous, horizon = HORIZON }: TogetherOptions = {},
): LayerPlan[] {
  const membership = graph.names.map((): number[] => []);
  for (const [image, { nodes }] of images.entries()) for (const node of nodes) membership[node]?.push(image);
  const layerNumber = layerNumbers(previous ?? [], graph);
  const keys = membership.map((its, node) => `${String(its)} ${String(layerNumber[node])}`);
  const numbers = new Map([...new Set(keys)].map((key, i) => [key, i]));
  const parts = Int32Array.from(keys, (key) => numbers.get(key) ?? 0);
  const most = images.reduce((sum, { limit }) => sum + limit, 0);
  const problem = problemOf(graph, weights, most, parts);
  const { units, costs } = problem;
  const shares = new Shares();
  for (const unit of units) shares.add(membership[unit.nodes[0] ?? -1] ?? [], [unit]);
  for (const [image, { limit }] of images.entries())
    while (shares.of(image).length > limit) shares.withdraw(image);
  const before = shares.all.map((share) => previous && layersIn(share, previous));
  const counts = withinBudgets(
    shares.all,
    images,
    costs,
    before.map((its) => its && Math.max(1, its.length)),
  );
  const layers = shares.all.map((share, i): Share => {
    const count = counts[i] ?? 1;
    const fresh = notSearched(merged(share.units, count, costs));
    const own = partOf(problem, share.units);
    const found = before[i] ? kept(before[i], fresh, count, own, horizon) : fresh;
    return { ...share, units: found.groups };
  });
  return images.map((_, image) => {
    const its = layers.filter(({ images: those }) => those.includes(image));
    const counts = [...new Set(its.map(({ images: those }) => those.length))].sort(
      (one, other) => other - one,
    );
    return counts.flatMap((count) =>
      inOrder(
        its.filter(({ images: those }) => those.length === count).flatMap(({ units: groups }) => groups),
        graph,
      ),
    );
  });
}

/** What was in layers before of the paths of a share. */
function layersIn({ units }: Share, previous: readonly PreviousLayer[]): PreviousLayer[] {
  const own = new Set(units.flatMap(({ nodes }) => nodes));
  return previous.flatMap(({ nodes, isWhole }) => {
    const its = nodes.filter((node) => own.has(node));
    return its.length === 0 ? [] : [{ nodes: its, isWhole: isWhole && its.length === nodes.length }];
  });
}

/** The problem of planning some units by themselves. */
function partOf({ units, bytes, ...rest }: Problem, some: readonly Group[]): Problem {
  const sizes = new Map(units.map((unit, i) => [unit, bytes[i] ?? 0]));
  return { ...rest, units: some, bytes: Float64Array.from(some, (unit) => sizes.get(unit) ?? 0) };
}

class Shares {
  readonly #byImages = new Map<string, Share>();

  get all(): Share[] {
    return [...this.#byImages.values()];
  }

  of(image: number): Share[] {
    return this.all.filter(({ images }) => images.includes(image));
  }

  add(images: readonly number[], units: readonly Group[]): void {
    if (images.length === 0) return;
    const key = images.join();
    this.#byImages.set(key, { images, units: [...(this.#byImages.get(key)?.units ?? []), ...units] });
  }

  /** An image that has fewer layers than shares gets the smallest of them for itself, beside what it had so. */
  withdraw(image: number): void {
    const bytes = ({ units }: Share): number => units.reduce((sum, { size }) => sum + size, 0);
    const [least] = this.of(image)
      .filter(({ images }) => images.length > 1)
      .sort((one, other) => bytes(one) - bytes(other));
    if (!least) return;
    this.#byImages.delete(least.images.join());
    this.add([image], least.units);
    this.add(
      least.images.filter((each) => each !== image),
      least.units,
    );
  }
}
