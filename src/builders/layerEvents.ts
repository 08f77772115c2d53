import type { Layer, LayerDigest } from "../image/layer.js";
import type { OnProgress } from "../progress.js";

/** Tells of layers that begin to be written. */
export function layerEvents(
  onProgress: OnProgress | undefined,
): (layer: Layer, digest: LayerDigest, index: number, count: number) => void {
  return ({ kind, sources }, digest, index, count) => {
    onProgress?.({ type: "layer", index, count, kind, sources, ...digest });
  };
}
