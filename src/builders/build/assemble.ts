/** What the builders of images have in common: the base below, the layers that each makes, and what the image tells. */
import { imageAnnotations } from "../../image/annotations.js";
import { describedImage } from "../../image/describedImage.js";
import { inheritConfig, inheritHistory } from "../../image/inherit.js";
import type { Layer } from "../../image/layer.js";
import type { LayerPlan } from "../../layering/graph.js";
import type { BuildOptions } from "../../planning/buildOptions.js";
import type { PlannedLayer } from "../../planning/plan.js";
import type { Prepared } from "../../planning/prepare.js";
import { startedProgramWarning } from "../../planning/startedProgram.js";
import { BuiltImage } from "./builtImage.js";
import { tagOf } from "./imageTag.js";

export interface OwnLayers {
  /** On top of the base's, bottom first. */
  readonly layers: readonly Layer[];
  /** The store paths in them, or mounted over them. */
  readonly plan: LayerPlan;
  /** The layers that are of store paths and nothing else. */
  readonly planned: readonly PlannedLayer[];
}

/**
 * @param prepared is closed with the image, or when there is none
 * @throws what `make` throws
 */
export async function assemble(
  prepared: Prepared,
  options: BuildOptions,
  make: () => OwnLayers | Promise<OwnLayers>,
): Promise<BuiltImage> {
  try {
    const { spec, base, created, closure } = prepared;
    const { layers, plan, planned } = await make();
    prepared.progress.closure(closure);
    const warning = await startedProgramWarning(prepared, options.signal);
    if (warning !== undefined) prepared.progress.warn(warning);
    return new BuiltImage({
      prepared,
      image: describedImage({
        config: inheritConfig(spec.config, base?.config),
        architecture: spec.architecture,
        variant: spec.variant,
        created,
        inherited: base && inheritHistory(base.configFile.json, base.image.layers, created),
        annotations: imageAnnotations({ created, base: base?.manifest }, spec.annotations),
        layers: [...(base?.image.layers ?? []), ...layers],
      }),
      imageTag: spec.tag ?? (await tagOf(prepared, plan)),
      layers: planned,
      options,
    });
  } catch (error) {
    await prepared[Symbol.asyncDispose]();
    throw error;
  }
}
