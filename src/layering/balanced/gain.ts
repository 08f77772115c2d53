/** What the search for better layers gains, and what it leaves alone so that layers stay as they were. */
import type { Graph, LayerPlan } from "../graph.js";
import { measure } from "../measure.js";
import { type BalancedOptions, inOrder, planned } from "./balanced.js";
import type { Group } from "./group.js";
import { withoutSteadiness } from "./previous.js";

export interface SearchGain {
  /** The efficiency of the plan that the search began with. */
  readonly before: number;
  /** That of the plan as it is. */
  readonly after: number;
  /** How many times a path was moved to another layer, or exchanged with one there. */
  readonly moves: number;
  /** Moves that would make later changes move less, and are left: the layers that they change would have to be sent. */
  readonly left: {
    readonly moves: number;
    /** That of the plan with these moves. */
    readonly efficiency: number;
  };
}

/**
 * The plan that `balanced` makes, with what its search did.
 * @throws {LaminixError} ERR_GRAPH for a graph with a circle
 */
export function balancedWithGain(
  graph: Graph,
  limit: number,
  options: BalancedOptions,
): { readonly plan: LayerPlan; readonly gain: SearchGain } {
  const { problem, found } = planned(graph, limit, options);
  const further = withoutSteadiness(found.groups, limit, problem);
  const efficiency = (groups: readonly Group[]): number =>
    measure(graph, inOrder(groups, graph), options.weights).efficiency;
  return {
    plan: inOrder(found.groups, graph),
    gain: {
      before: efficiency(found.start),
      after: efficiency(found.groups),
      moves: found.steps,
      left: { moves: further.steps, efficiency: efficiency(further.groups) },
    },
  };
}
