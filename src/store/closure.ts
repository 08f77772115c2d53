/** A closure: store paths with all that they reference. */
import { LaminixError } from "../errors.js";
import type { StorePath } from "./storePath.js";

/** What the store knows of a valid path. */
export interface PathInfo {
  readonly path: StorePath;
  /** SHA-256 of the path's NAR, as SRI: `sha256-<base 64>`; empty where a reference graph in a file does not tell. */
  readonly narHash: string;
  /** Bytes of the path's NAR. */
  readonly narSize: number;
  /** Full paths, itself among them if it refers to itself. */
  readonly references: readonly StorePath[];
  /** The derivation it was built from, where known. */
  readonly deriver?: StorePath;
  /** Unix seconds. */
  readonly registrationTime: number;
  /** Built here rather than fetched. */
  readonly ultimate: boolean;
  readonly signatures: readonly string[];
  /** How its path follows from its contents, where it does. */
  readonly ca?: string;
}

/**
 * References in compressed rows: those of node i are `targets[offsets[i]]` up to `targets[offsets[i + 1]]`. Every node
 * stands after all that it references.
 */
export interface ReferenceRows {
  readonly offsets: Uint32Array;
  readonly targets: Uint32Array;
}

/** Where a closure's facts are kept; one row a path, each path after all that it references. */
export interface ClosureColumns {
  readonly count: number;
  readonly references: ReferenceRows;
  path(row: number): StorePath;
  /** SRI, or empty. */
  narHash(row: number): string;
  narSize(row: number): number;
  info(row: number): Pick<PathInfo, "registrationTime" | "ultimate" | "signatures" | "deriver" | "ca">;
}

/** A set of valid store paths closed under references, with its graph. Iterates dependencies first. */
export class Closure implements Iterable<PathInfo> {
  readonly #columns: ClosureColumns;
  #paths: readonly StorePath[] | undefined;
  #rows: ReadonlyMap<StorePath, number> | undefined;
  #referrers: ReferenceRows | undefined;

  constructor(columns: ClosureColumns) {
    this.#columns = columns;
  }

  /** How many paths. */
  get size(): number {
    return this.#columns.count;
  }

  /** Bytes of all NARs together. */
  get narSize(): number {
    return this.narSizes.reduce((sum, size) => sum + size, 0);
  }

  /** Bytes of each path's NAR, in the order of `paths`. */
  get narSizes(): readonly number[] {
    return Array.from({ length: this.size }, (_, row) => this.#columns.narSize(row));
  }

  /** Every path, each after all that it references. */
  get paths(): readonly StorePath[] {
    return (this.#paths ??= Array.from({ length: this.size }, (_, row) => this.#columns.path(row)));
  }

  /** The graph by row numbers; row i is `paths[i]`. */
  get rows(): ReferenceRows {
    return this.#columns.references;
  }

  has(path: string): boolean {
    return this.#row(path) !== undefined;
  }

  get(path: string): PathInfo | undefined {
    const row = this.#row(path);
    return row === undefined ? undefined : this.#info(row);
  }

  /**
   * Paths that a path of the closure references, itself among them if it refers to itself.
   * @throws {LaminixError} ERR_PATH_NOT_VALID when the path is not in the closure
   */
  references(path: string): StorePath[] {
    return this.#neighbours(this.rows, this.#requireRow(path));
  }

  /**
   * Paths of the closure that reference a path.
   * @throws {LaminixError} ERR_PATH_NOT_VALID when the path is not in the closure
   */
  referrers(path: string): StorePath[] {
    this.#referrers ??= reversed(this.rows);
    return this.#neighbours(this.#referrers, this.#requireRow(path));
  }

  *[Symbol.iterator](): Generator<PathInfo> {
    for (let row = 0; row < this.size; row++) yield this.#info(row);
  }

  #info(row: number): PathInfo {
    const columns = this.#columns;
    return {
      path: columns.path(row),
      narHash: columns.narHash(row),
      narSize: columns.narSize(row),
      references: this.#neighbours(this.rows, row),
      ...columns.info(row),
    };
  }

  #neighbours({ offsets, targets }: ReferenceRows, row: number): StorePath[] {
    return Array.from(targets.subarray(offsets[row], offsets[row + 1]), (target) =>
      this.#columns.path(target),
    );
  }

  #row(path: string): number | undefined {
    this.#rows ??= new Map(this.paths.map((each, row) => [each, row]));
    return this.#rows.get(path as StorePath);
  }

  #requireRow(path: string): number {
    const row = this.#row(path);
    if (row !== undefined) return row;
    throw new LaminixError("ERR_PATH_NOT_VALID", `${path} is not in the closure`, { details: { path } });
  }
}

function reversed({ offsets, targets }: ReferenceRows): ReferenceRows {
  const count = offsets.length - 1;
  const starts = new Uint32Array(count + 1);
  for (const target of targets) starts[target + 1] = (starts[target + 1] ?? 0) + 1;
  for (let i = 0; i < count; i++) starts[i + 1] = (starts[i + 1] ?? 0) + (starts[i] ?? 0);
  const next = starts.slice();
  const sources = new Uint32Array(targets.length);
  for (let row = 0; row < count; row++) {
    for (const target of targets.subarray(offsets[row], offsets[row + 1])) {
      const at = next[target] ?? 0;
      sources[at] = row;
      next[target] = at + 1;
    }
  }
  return { offsets: starts, targets: sources };
}
