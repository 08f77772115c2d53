export { ArgumentError, LaminixError, type ErrorCode } from "./errors.js";
export { nixStore } from "./store/defaultStore.js";
export { NixStore, openStore, type StoreInfo } from "./store/nixStore.js";
export { GraphStore } from "./store/graphStore.js";
export { Closure, type PathInfo, type ReferenceEdge, type TreeNode } from "./store/closure.js";
export {
  type ClosureDiff,
  type ClosureTotals,
  diffClosures,
  type PackageChange,
  type PackagePath,
} from "./store/questions/diffClosures.js";
export type { Copy, Duplicate } from "./store/questions/duplicates.js";
export type { ReferenceRows } from "./store/referenceRows.js";
export type { CallOptions } from "./store/connection.js";
export type { TempRoots } from "./store/tempRoots.js";
export { type StorePath, toStorePath } from "./store/storePath.js";
export type { LayerPlan } from "./layering/graph.js";
export type { Strategy } from "./layering/plan.js";
export { type CacheSummary, DigestCache } from "./image/digestCache.js";
export type { Image } from "./image/image.js";
export { type Json, JsonNumber, type JsonObject } from "./image/json.js";
export type { Digest, Layer, LayerDigest } from "./image/layer.js";
export type { PlannedLayer } from "./builders/plan.js";
export { type LayersPlan, planLayers } from "./builders/planLayers.js";
export type { OnProgress, ProgressEvent } from "./builders/progress.js";
export type { HeldRoots, StoreSource } from "./builders/source.js";
export type { ImageSpec } from "./builders/spec.js";
export { streamConf, type StreamConfOptions } from "./builders/streamConf.js";
export { type BuildOptions, type LayeredImage, streamLayeredImage } from "./builders/streamLayeredImage.js";
