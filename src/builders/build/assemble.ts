/** What the builders of images have in common: the base below, the layers that each makes, and what the image tells. */
import { imageAnnotations } from "../../image/annotations.js";
import { describedImage } from "../../image/describedImage.js";
import { inheritConfig, inheritHistory } from "../../image/inherit.js";
import type { Layer } from "../../image/layer.js";
import { parseTime } from "../../image/time.js";
import type { LayerPlan } from "../../layering/graph.js";
import { nixStore } from "../../store/defaultStore.js";
import type { Owner } from "../../tar/header.js";
import { Base } from "../../planning/base.js";
import type { BuildOptions } from "../../planning/buildOptions.js";
import { BuiltImage } from "./builtImage.js";
import { tagOf } from "./imageTag.js";
import { type ImageParts, imageParts, type PlannedLayer } from "../../planning/plan.js";
import type { StoreSource } from "../../store/storeSource.js";
import type { ImageSpec, ResolvedSpec } from "../../spec/spec.js";

/** What a builder makes its layers of. */
export interface Assembly {
  /** With the base's platform, where the spec names none. */
  readonly spec: ResolvedSpec;
  readonly parts: ImageParts;
  readonly store: StoreSource;
  /** Unix seconds. */
  readonly mtime: number;
}

export interface OwnLayers {
  /** On top of the base's, bottom first. */
  readonly layers: readonly Layer[];
  /** The store paths in them. */
  readonly plan: LayerPlan;
  /** The layers that are of store paths and nothing else. */
  readonly planned: readonly PlannedLayer[];
}

export interface Builder {
  /** Of what is copied to the root; root unless given. */
  readonly owner?: Owner | undefined;
  /**
   * Called before the store is asked or a command is run, for what can be refused by then.
   * @returns what makes the layers
   */
  readonly begin: (
    spec: ResolvedSpec,
    baseLayers: number,
  ) => Promise<(assembly: Assembly) => Promise<OwnLayers>>;
}

/**
 * @param asked the spec with its defaults
 * @param given the same as it was given
 * @throws {LaminixError} as `Base.of` and `imageParts`, and what the builder throws
 */
export async function assemble(
  asked: ResolvedSpec,
  given: ImageSpec,
  { owner, begin }: Builder,
  options: BuildOptions,
): Promise<BuiltImage> {
  const { signal, store = nixStore, onProgress, registries, runAsRoot, maxUnpacked } = options;
  const { iso: created } = parseTime(asked.created, "created");
  const { seconds: mtime } = parseTime(asked.mtime, "mtime");
  const base = await Base.of(asked, { signal, registries, onProgress, maxUnpacked });
  const spec = base?.platformFor(asked, given) ?? asked;
  let parts: ImageParts | undefined;
  try {
    const make = await begin(spec, base?.image.layers.length ?? 0);
    parts = await imageParts(spec, store, base, { mtime, signal, onProgress, owner, runAsRoot, hold: true });
    const { layers, plan, planned } = await make({ spec, parts, store, mtime });
    onProgress?.({ type: "closure", paths: parts.closure.size, narSize: parts.closure.narSize });
    return new BuiltImage({
      spec,
      image: describedImage({
        config: inheritConfig(spec.config, base?.config),
        architecture: spec.architecture,
        variant: spec.variant,
        created,
        inherited: base && inheritHistory(base.configFile.json, base.image.layers, created),
        annotations: imageAnnotations({ created, base: base?.manifest }, spec.annotations),
        layers: [...(base?.image.layers ?? []), ...layers],
      }),
      imageTag: spec.tag ?? (await tagOf(spec, plan, parts, { created, mtime })),
      mtime,
      layers: planned,
      parts,
      options,
    });
  } catch (error) {
    base?.[Symbol.dispose]();
    await parts?.[Symbol.asyncDispose]();
    throw error;
  }
}
