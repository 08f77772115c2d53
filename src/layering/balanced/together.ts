/**
 * Several images planned at once. A layer that images share may hold no path that one of them lacks, so paths are
 * merged only with those that are in the same images; what these have in common is then in the same layers of each.
 */
import type { Graph, LayerPlan } from "../graph.js";
import { uniformWeights, type Weights } from "../measure.js";
import { inOrder } from "./balanced.js";
import type { Costs, Group } from "./group.js";
import { merged } from "./merge.js";
import { problemOf } from "./problem.js";

export interface PlannedTogether {
  readonly nodes: readonly number[];
  /** How many layers at the most; at least 1. */
  readonly limit: number;
}

/** Paths that are in the same images. */
interface Share {
  readonly images: readonly number[];
  readonly units: readonly Group[];
}

/**
 * @param weights all are as likely to change unless given
 * @returns a plan for each image; at the bottom what the most of them share
 * @throws {LaminixError} ERR_GRAPH for a graph with a circle
 */
export function together(
  graph: Graph,
  images: readonly PlannedTogether[],
  weights: Weights = uniformWeights(graph),
): LayerPlan[] {
  const membership = graph.names.map((): number[] => []);
  for (const [image, { nodes }] of images.entries()) for (const node of nodes) membership[node]?.push(image);
  const numbers = new Map([...new Set(membership.map(String))].map((key, i) => [key, i]));
  const parts = Int32Array.from(membership, (key) => numbers.get(String(key)) ?? 0);
  const most = images.reduce((sum, { limit }) => sum + limit, 0);
  const { units, costs } = problemOf(graph, weights, most, parts);
  const shares = new Shares();
  for (const unit of units) shares.add(membership[unit.nodes[0] ?? -1] ?? [], [unit]);
  for (const [image, { limit }] of images.entries())
    while (shares.of(image).length > limit) shares.withdraw(image);
  const layers = withinBudgets(shares.all, images, costs);
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

/** The shares with their paths in layers, no image having more than its budget. */
function withinBudgets(shares: readonly Share[], images: readonly PlannedTogether[], costs: Costs): Share[] {
  const prices = shares.map(({ units }) => {
    const its: number[] = [];
    merged(units, 1, costs, (price) => its.push(price));
    return its;
  });
  const counts = shares.map(({ units }) => units.length);
  const left = images.map(({ limit }, image) =>
    shares.reduce(
      (rest, { images: those, units }) => rest - (those.includes(image) ? units.length : 0),
      limit,
    ),
  );
  /** Adds so many layers to a share; it must have one at least. */
  const add = (share: number, layers: 1 | -1): void => {
    counts[share] = (counts[share] ?? 0) + layers;
    for (const image of shares[share]?.images ?? []) left[image] = (left[image] ?? 0) - layers;
  };
  const mergers = (share: number): number => (shares[share]?.units.length ?? 0) - (counts[share] ?? 0);
  // While an image has too many layers, the merger that costs the least for each such image that it is of use to.
  for (;;) {
    const next = least(shares, ({ images: those }, share) => {
      const relieved = those.filter((image) => (left[image] ?? 0) < 0).length;
      return relieved > 0 && (counts[share] ?? 0) > 1
        ? (prices[share]?.[mergers(share)] ?? 0) / relieved
        : Infinity;
    });
    if (next === undefined) break;
    add(next, -1);
  }
  // What one image was relieved by may have left another with more room than it needs.
  for (;;) {
    const next = least(shares, ({ images: those }, share) =>
      mergers(share) > 0 && those.every((image) => (left[image] ?? 0) > 0)
        ? -(prices[share]?.[mergers(share) - 1] ?? 0)
        : Infinity,
    );
    if (next === undefined) break;
    add(next, 1);
  }
  return shares.map(({ images: those, units }, share) => ({
    images: those,
    units: merged(units, counts[share] ?? 1, costs),
  }));
}

/** The number of the item whose price is the least, of those that have one. */
function least<T>(items: readonly T[], price: (item: T, i: number) => number): number | undefined {
  let best: number | undefined;
  let bestPrice = Infinity;
  for (const [i, item] of items.entries()) {
    const its = price(item, i);
    if (its < bestPrice) [best, bestPrice] = [i, its];
  }
  return best;
}
