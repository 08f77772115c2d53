/** How many layers paths get that several images share, where each image has a budget of its own. */
import type { Costs, Group } from "./group.js";
import { merged } from "./merge.js";

export interface PlannedTogether {
  readonly nodes: readonly number[];
  /** How many layers at the most; at least 1. */
  readonly limit: number;
}

/** Paths that are in the same images. */
export interface Share {
  readonly images: readonly number[];
  readonly units: readonly Group[];
}

/**
 * How many layers each share gets, such that no image has more than its budget.
 * @param before how many each had before; as many as it has units where that is not known
 */
export function withinBudgets(
  shares: readonly Share[],
  images: readonly PlannedTogether[],
  costs: Costs,
  before: readonly (number | undefined)[],
): number[] {
  const prices = shares.map(({ units }) => {
    const its: number[] = [];
    merged(units, 1, costs, (price) => its.push(price));
    return its;
  });
  const counts = shares.map(({ units }, share) => Math.min(units.length, before[share] ?? Infinity));
  const left = images.map(({ limit }, image) =>
    shares.reduce(
      (rest, { images: those }, share) => rest - (those.includes(image) ? (counts[share] ?? 0) : 0),
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
  return counts;
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
