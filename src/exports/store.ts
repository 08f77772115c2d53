/** `laminix/store`: stores, their closures, and NARs. */
import "../disposal.js";
export type { BorrowedBytes } from "../bytes/bytes.js";
export { ArgumentError, LaminixError, type ErrorCode } from "../errors.js";
export type { NarEvent, NarFormatOptions } from "../nar/parser.js";
export { readNar, type ReadNarOptions } from "../nar/read.js";
export type { NarSource, PathFiles } from "../nar/source.js";
export { type NarIdentity, verifyNar, type VerifyNarOptions } from "../nar/verify.js";
export { narOf } from "../nar/write.js";
export type { AddOptions, NarInfo } from "../store/additions.js";
export type { BinaryCacheOptions } from "../store/binaryCache/options.js";
export { BinaryCacheStore, openBinaryCache } from "../store/binaryCache/binaryCacheStore.js";
export type { CacheInfo } from "../store/binaryCache/cacheInfo.js";
export type { BuildOptions as StoreBuildOptions, BuildResult, BuildStatus } from "../store/builds.js";
export type { BuildRun } from "../store/buildRun.js";
export { Closure, type PathInfo, type ReferenceEdge, type TreeNode } from "../store/closure.js";
export type { CallOptions } from "../store/connection.js";
export type { Derivation } from "../store/derivationValue.js";
export type { Activity, ActivityKind, OnStoreEvent, StoreEvent } from "../store/events.js";
export type { Garbage, GarbageOptions, KeepingRoot, Root } from "../store/garbage.js";
export { findStorePaths, type StorePathRange } from "../store/findStorePaths.js";
export { GraphStore } from "../store/graphStore.js";
export { nixStore } from "../store/defaultStore.js";
export type { DaemonStore, StoreInfo, StoreOptions } from "../store/daemonStore.js";
export { NixStore } from "../store/nixStore.js";
export { openStore } from "../store/openStore.js";
export {
  type ClosureDiff,
  type ClosureTotals,
  diffClosures,
  type PackageChange,
  type PackagePath,
} from "../store/questions/diffClosures.js";
export type { Copy, Duplicate } from "../store/questions/duplicates.js";
export { type ParsedStorePath, parseStorePath, type StorePathOptions } from "../store/parseStorePath.js";
export type { ReferenceRows } from "../store/referenceRows.js";
export { type StorePath, toStorePath } from "../store/storePath.js";
export type { HeldRoots, StoreSource } from "../store/storeSource.js";
export type { Missing, Substitutable } from "../store/substitution.js";
export type { TempRoots } from "../store/tempRoots.js";
export type { BuildSettings, WorkOptions } from "../store/work.js";
