/** Where a builder's store paths come from: a daemon's store, or a reference graph in a file. */
import type { PathFiles } from "../nar/source.js";
import type { Closure } from "./closure.js";
import type { StorePath } from "./storePath.js";

interface Options {
  readonly signal?: AbortSignal | undefined;
}

export interface StoreSource {
  readonly url: string;
  /** Whether digests may be remembered under the hashes that it tells. */
  readonly vouchesForHashes: boolean;
  /** @param options.near a path that may be in the store */
  storeDir(options?: Options & { readonly near?: string | undefined }): Promise<string>;
  closure(paths: readonly string[], options?: Options): Promise<Closure>;
  pathFromHashPart(hash: string, options?: Options): Promise<StorePath | undefined>;
  /**
   * Where a valid path's files are: on this disk, or in a NAR that is read when it is needed, and checked.
   * Asked once for each reading of a layer.
   */
  open(path: StorePath): PathFiles | Promise<PathFiles>;
  /** Absent where there is nothing to hold. */
  tempRoots?(paths: readonly string[], options?: Options): Promise<HeldRoots>;
}

export interface HeldRoots {
  check(options?: Options): Promise<void>;
  close(): Promise<void>;
}
