/** The strategies by name, and the budget that they plan within. */
import { LaminixError } from "../errors.js";
import { auto } from "./auto.js";
import { balanced, type BalancedOptions } from "./balanced/balanced.js";
import type { Graph, LayerPlan } from "./graph.js";
import { popularity } from "./popularity.js";

export type Strategy = "auto" | "popularity" | "balanced";

/** Each makes at most `limit` layers (1 or more) of a graph. The options are for `balanced`. */
export const STRATEGIES: Readonly<
  Record<Strategy, (graph: Graph, limit: number, options?: BalancedOptions) => LayerPlan>
> = { auto, popularity, balanced };

/**
 * How many layers are left for store paths, counted as dockerTools counts.
 * @param baseLayers layers of the base image
 * @throws {LaminixError} ERR_LAYER_BUDGET
 */
export function layerBudget(maxLayers: number, baseLayers: number): number {
  const used = 1 + baseLayers;
  if (used < maxLayers) return maxLayers - used;
  const base = baseLayers > 0 ? `, ${String(baseLayers)} to the base image` : "";
  throw new LaminixError(
    "ERR_LAYER_BUDGET",
    `maxLayers is ${String(maxLayers)}: one layer goes to the root of the image${base}, and none is left for store paths`,
    { hint: `raise maxLayers to ${String(used + 1)} or more`, details: { maxLayers, used } },
  );
}
