/** What a spec tells the strategy `balanced` beside the graph. */
import type { BalancedOptions } from "../layering/balanced/balanced.js";
import type { Graph } from "../layering/graph.js";
import type { Weights } from "../layering/measure.js";
import type { StorePath } from "../store/storePath.js";
import { LaminixError } from "../errors.js";
import { jsonOf, previousLayers, readPlan } from "./previousPlan.js";
import type { LayeringOptions } from "./layering.js";
import type { PlannedImage } from "./previousImage.js";
import type { ResolvedSpec } from "../spec/spec.js";
import { type Hints, volatilitySchema, weightsFrom } from "../spec/volatility.js";

export type PlanningKeys = PlannedImage & Pick<ResolvedSpec, "previous" | "history" | "volatility">;

/**
 * Reads the files and images that the spec names.
 * @returns what to plan by, for each graph
 * @throws {LaminixError} ERR_SPEC, ERR_FILE_READ, ERR_JSON; as `planOfImage`
 */
export async function balancedOptions(
  spec: PlanningKeys,
  options: LayeringOptions,
): Promise<(graph: Graph) => BalancedOptions> {
  const weights = await weighing(spec, options);
  const previous =
    spec.previous === null ? undefined : await readPlan(spec.previous, "previous", spec, options);
  return (graph) => ({
    weights: weights(graph),
    ...(previous && { previous: previousLayers(previous, graph) }),
  });
}

/**
 * @returns how likely each node of a graph is to change
 * @throws {LaminixError} ERR_SPEC, ERR_FILE_READ, ERR_JSON; as `planOfImage`
 */
export async function weighing(
  spec: PlanningKeys,
  options: LayeringOptions,
): Promise<(graph: Graph) => Weights> {
  const { signal, onProgress } = options;
  const hints = await readHints(spec.volatility, { signal });
  const history: StorePath[][] = [];
  for (const given of spec.history) history.push((await readPlan(given, "history", spec, options)).flat());
  const warn = (message: string): void => onProgress?.({ type: "warning", message });
  return (graph) => weightsFrom({ hints, history }, graph, warn);
}

async function readHints(
  given: PlanningKeys["volatility"],
  options: { readonly signal?: AbortSignal | undefined },
): Promise<Hints> {
  const result = volatilitySchema.safeParse(await jsonOf(given, "volatility", options));
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const at = issue?.path.map(String).join(".") ?? "";
  const where = typeof given === "string" ? given : "volatility";
  throw new LaminixError("ERR_SPEC", `${where}${at && `: ${at}`}: ${issue?.message ?? "not valid"}`, {
    details: { key: "volatility" },
    hint: 'a hint is {"match": "python3-*", "volatility": 5}',
  });
}
