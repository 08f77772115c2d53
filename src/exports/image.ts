/** `laminix/image`: images as values, what they are planned and made from, and where they go. */
import "../disposal.js";
export { ArgumentError, LaminixError, type ErrorCode } from "../errors.js";
export type { BorrowedBytes } from "../bytes/bytes.js";
export type { StorePath } from "../store/storePath.js";
export type { HeldRoots, StoreSource } from "../store/storeSource.js";
export type { LayerPlan } from "../layering/graph.js";
export type { Strategy } from "../layering/plan.js";
export { type BlobDigest, type CacheSummary, DigestCache } from "../image/digestCache.js";
export type { ConfigFile, Image, ImageManifest } from "../image/image.js";
export { type Json, JsonNumber, type JsonObject } from "../bytes/json.js";
export type { Annotations, Descriptor } from "../image/descriptor.js";
export type { Encoding, Layer, LayerDigest, LayerSource, PackedLayer } from "../image/layer.js";
export type { Digest } from "../bytes/digest.js";
export type { Platform } from "../image/platform.js";
export type { ManifestFormat } from "../manifests/mediaTypes.js";
export type { LayerFate } from "../progress.js";
export {
  Registries,
  type RegistriesOptions,
  type RegistryExceptions,
} from "../transports/registry/registries.js";
export { binSh } from "../spec/pieces/binSh.js";
export { caCertificates } from "../spec/pieces/caCertificates.js";
export { fakeNss, type FakeNssOptions } from "../spec/pieces/fakeNss.js";
export type { Piece, PieceFile } from "../spec/pieces/piece.js";
export { type PieceEntry, resolvePiece } from "../spec/pieces/resolvePiece.js";
export { shadowSetup, type ShadowSetupOptions } from "../spec/pieces/shadowSetup.js";
export { usrBinEnv } from "../spec/pieces/usrBinEnv.js";
export type { Destination, EngineDestination, RegistryDestination } from "../planning/destination.js";
export type { PreviousImage } from "../planning/imageAtDestination.js";
export type { PlannedLayer } from "../planning/plan.js";
export type { LayersSearch } from "../planning/balanced.js";
export { compareLayers, type LayersComparison, type StrategyMeasure } from "../planning/compareLayers.js";
export { explainLayer, type LayerExplanation } from "../planning/explainLayer.js";
export { planTogether, type PlanTogether } from "../planning/planTogether.js";
export { type LayersPlan, planLayers } from "../planning/planLayers.js";
export type { OnProgress, ProgressEvent } from "../progress.js";
export type { ImageSpec } from "../spec/spec.js";
export { type LoadedImages, loadImage, type LoadOptions } from "../builders/load/loadImage.js";
export type { ContainerHold } from "../mounts/hold/containerHold.js";
export type { HeldContainer } from "../mounts/hold/heldFolder.js";
export { holdWhile, type HoldOptions } from "../mounts/hold/holdWhile.js";
export { sweepHeld, type SweepOptions, type SweptRoots } from "../mounts/hold/sweepHeld.js";
export { type MergedImages, mergeImages, type MergeOptions } from "../builders/mergeImages.js";
export { type PulledArchive, type PulledImage, pullImage, type PullOptions } from "../builders/pullImage.js";
export { type ImageLock, lockImage, type LockedManifest, type LockOptions } from "../builders/lockImage.js";
export { streamConf, type StreamConfOptions } from "../builders/nixpkgs/streamConf.js";
export type { BuildOptions } from "../planning/buildOptions.js";
export type { ArchiveFormat, BuiltImage, PiecesOptions, ReadOptions } from "../builders/build/builtImage.js";
export { buildImage } from "../builders/build/buildImage.js";
export { buildLayeredImage } from "../builders/build/buildLayeredImage.js";
export type { BuildFileOptions, ImageFile, ImageFormat } from "../builders/build/imageFile.js";
export { buildImageIndex, type ImageIndexFile, type ImageIndexOptions } from "../builders/buildImageIndex.js";
export { planPush, pushImage, type PushPlan } from "../builders/push/pushImage.js";
export type { PushedImage, PushedLayer } from "../builders/push/sendPush.js";
export { pushImageIndex, type PushImageIndexOptions } from "../builders/push/pushImageIndex.js";
export type { PushImageOptions } from "../builders/push/pushOptions.js";
export { exportImage, type ExportOptions } from "../builders/exportImage.js";
export { UnpackBudget } from "../transports/unpackBudget.js";
export type { Acceleration, Isolation, RootScriptOptions } from "../vm/rootScript.js";
export type { SingleLayerSpec } from "../spec/singleLayerSpec.js";
export { streamLayeredImage } from "../builders/build/streamLayeredImage.js";
export {
  buildNixShellImage,
  type BuildNixShellImageOptions,
  type NixShellImageOptions,
  readCapturedEnvironment,
  streamNixShellImage,
} from "../builders/nixShell/nixShellImage.js";
export type { NixShellOptions } from "../builders/nixShell/options.js";
export type { ShellDerivation } from "../builders/nixShell/shellDerivation.js";
export type { Problem, ProblemCode } from "../builders/validate/findings.js";
export { validateImage, type ValidateOptions, type Validation } from "../builders/validate/validateImage.js";
export { assembleFarm } from "../mounts/farm.js";
export { type FormatOptions, formatMounts, MOUNT_FORMATS, type MountFormat } from "../mounts/formatMounts.js";
export {
  type Mount,
  type MountKind,
  mountPlan,
  type MountPlan,
  type PlannedLink,
} from "../mounts/mountPlan.js";
export type { Container } from "../mounts/run/container.js";
export type { ContainerOptions, Network, Volume } from "../mounts/run/runOptions.js";
export { startContainer } from "../mounts/run/startContainer.js";
export { type EngineContainerOptions, startInEngine } from "../mounts/run/startInEngine.js";
