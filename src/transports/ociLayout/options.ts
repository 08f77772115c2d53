import type { LayerBlob } from "../../manifests/blob.js";
import type { LayerDigest } from "../../image/layer.js";
import type { ContentsOptions } from "../../manifests/imageContents.js";

/** How an OCI layout is written, to wherever it goes. */
export interface LayoutWriteOptions extends ContentsOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called when a layer begins to be written; of several that are written at once, in any order. */
  readonly onLayer?: (blob: LayerBlob, plain: LayerDigest, index: number, count: number) => void;
  /** Called when all but the index has been written; what it rejects with keeps the layout from being whole. */
  readonly beforeIndex?: (() => Promise<void>) | undefined;
}
