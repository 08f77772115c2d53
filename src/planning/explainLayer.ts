/** Which layer of an image a store path is in, and why. */
import { requireString } from "../arguments.js";
import { LaminixError, named } from "../errors.js";
import { explain, type Explanation } from "../layering/explain.js";
import { graphOf } from "../layering/graph.js";
import { type StorePath, toStorePath } from "../store/storePath.js";
import { weighing } from "./balancedLayering.js";
import { type PlannedLayer, planLayersOf, plannedLayers } from "./plan.js";
import { type PlanningOptions, withPlanning } from "./planLayers.js";
import type { ImageSpec } from "../spec/spec.js";

export interface LayerExplanation extends Explanation {
  readonly path: StorePath;
  /** Bytes of its NAR. */
  readonly narSize: number;
  /** How many layers of store paths there are. */
  readonly layers: number;
  /** The layer itself. */
  readonly content: PlannedLayer;
}

/**
 * @param path a store path, or what is inside one
 * @throws {LaminixError} ERR_PATH_NOT_VALID for a path that is in no layer; ERR_STORE_PATH, ERR_OUTSIDE_STORE; as `planLayers` does
 */
export async function explainLayer(
  spec: ImageSpec,
  path: string,
  options: PlanningOptions = {},
): Promise<LayerExplanation> {
  requireString(path, "path");
  return withPlanning(spec, options, async ({ spec: resolved, parts, layering }) => {
    const { closure, inBase } = parts;
    const plan = await planLayersOf(resolved, parts, layering);
    const graph = graphOf(closure, [], inBase);
    const found = closure.get(toStorePath(path, parts.storeDir));
    const { signal, registries, maxUnpacked } = options;
    const explanation =
      found &&
      explain(
        graph,
        plan,
        found.path,
        (await weighing(resolved, { signal, registries, maxUnpacked }))(graph),
      );
    const content = plannedLayers(plan, closure)[(explanation?.layer ?? 0) - 1];
    if (found && explanation && content)
      return {
        path: found.path,
        narSize: found.narSize,
        ...explanation,
        layers: plan.length,
        content,
      };
    throw new LaminixError(
      "ERR_PATH_NOT_VALID",
      `${named(path)} is in no layer of store paths of this image`,
      {
        details: { path },
        ...(found && inBase.has(found.path) && { hint: "its base image has it" }),
      },
    );
  });
}
