import type { Layer, LayerDigest } from "../../image/layer.js";
import type { ContentsOptions } from "../../manifests/imageContents.js";

/** How an OCI layout is written, to wherever it goes. */
export interface LayoutWriteOptions extends ContentsOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called when a layer begins to be written; of several that are written at once, in any order. */
  readonly onLayer?: ((layer: Layer, digest: LayerDigest, index: number, count: number) => void) | undefined;
  /** Called when all but the index has been written; what it rejects with keeps the layout from being whole. */
  readonly beforeIndex?: (() => Promise<void>) | undefined;
}
