/** Which layer of an image a store path is in, and why. */
import { requireKnown, requireString } from "../arguments.js";
import { LaminixError, named } from "../errors.js";
import { explain, type Explanation } from "../layering/explain.js";
import { graphOf } from "../layering/graph.js";
import { SILENT } from "../progress.js";
import type { ImageSpec } from "../spec/spec.js";
import { pathNamed } from "../store/questions/named.js";
import { type StorePath, toStorePath } from "../store/storePath.js";
import { type LayersSearch, searchedPlan } from "./balanced.js";
import { BUILD_KEYS, type PlanningOptions } from "./buildOptions.js";
import { type PlannedLayer, plannedLayers, planOf } from "./plan.js";
import { type LayersPlan, prepareToPlan, strategyOf } from "./planLayers.js";
import { readWeights } from "./weights.js";

export interface LayerExplanation extends Explanation {
  readonly path: StorePath;
  /** Bytes of its NAR. */
  readonly narSize: number;
  /** Or `pipeline`, of a `layeringPipeline`. */
  readonly strategy: LayersPlan["strategy"];
  /** How many layers of store paths there are. */
  readonly layers: number;
  /** The layer itself. */
  readonly content: PlannedLayer;
  /** What the search of the strategy `balanced` did, where that is the strategy. */
  readonly search?: LayersSearch;
}

/**
 * @param path a store path, or what is inside one; or a word that names one, as `Closure.named` takes it
 * @throws {LaminixError} ERR_AMBIGUOUS for a word that names several; ERR_PATH_NOT_VALID for a path that is in no layer; ERR_STORE_PATH, ERR_OUTSIDE_STORE; as `planLayers` does
 */
export async function explainLayer(
  spec: ImageSpec,
  path: string,
  options: PlanningOptions = {},
): Promise<LayerExplanation> {
  requireString(path, "path");
  requireKnown(options, BUILD_KEYS);
  await using prepared = await prepareToPlan(spec, options);
  const { closure, inBase, storeDir } = prepared;
  // What there is to tell of previous images has been told.
  const silently = { ...options, progress: SILENT };
  const searched =
    strategyOf(prepared.spec) === "balanced" ? await searchedPlan(prepared, silently) : undefined;
  const plan = searched?.plan ?? (await planOf(prepared, prepared.layering));
  const asked = path.includes("/") ? toStorePath(path, storeDir) : pathNamed(closure.paths, path);
  const found = closure.get(asked);
  if (found) {
    const graph = graphOf(closure, [], inBase);
    const weights = await readWeights(prepared.spec, silently);
    const explanation = explain(graph, plan, found.path, weights(graph));
    const content = explanation && plannedLayers(plan, closure)[explanation.layer - 1];
    if (content) {
      const { path: storePath, narSize } = found;
      return {
        path: storePath,
        narSize,
        strategy: strategyOf(prepared.spec),
        ...explanation,
        layers: plan.length,
        content,
        ...(searched && { search: searched.search }),
      };
    }
  }
  throw new LaminixError("ERR_PATH_NOT_VALID", `${named(path)} is in no layer of store paths of this image`, {
    details: { path },
    ...(found && inBase.has(found.path) && { hint: "its base image has it" }),
  });
}
