/** A closure: store paths with all that they reference. */
import { checkGiven, requireCount, requireKnown, requireString } from "../arguments.js";
import { LaminixError, named } from "../errors.js";
import { addedSizes } from "./questions/addedSizes.js";
import { closureSizes } from "./questions/closureSizes.js";
import { type Duplicate, duplicatesOf } from "./questions/duplicates.js";
import { type TreeRow, walkTree } from "./questions/tree.js";
import { pathsNamed } from "./questions/named.js";
import { edgesBetween, type RowPair, shortestChain } from "./questions/whyDepends.js";
import { type ReferenceRows, reversed, rowsOf } from "./referenceRows.js";
import { RowIndex } from "./rowIndex.js";
import { type StorePath, toStorePath } from "./storePath.js";

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
  /** Whether it was built here rather than fetched. */
  readonly ultimate: boolean;
  readonly signatures: readonly string[];
  /** How its path follows from its contents, where it does. */
  readonly ca?: string;
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

/** @param pathAt paths by row, where they are at hand already */
export function infoAt(
  columns: ClosureColumns,
  row: number,
  pathAt = (at: number): StorePath => columns.path(at),
): PathInfo {
  return {
    path: pathAt(row),
    narHash: columns.narHash(row),
    narSize: columns.narSize(row),
    references: Array.from(rowsOf(columns.references, row), pathAt),
    ...columns.info(row),
  };
}

/** One reference: `from` has the text of `to`'s hash in it. */
export interface ReferenceEdge {
  readonly from: StorePath;
  readonly to: StorePath;
}

/** A path in a tree of references. */
export interface TreeNode extends Omit<TreeRow, "row"> {
  readonly path: StorePath;
}

/**
 * A set of valid store paths closed under references, with its graph. Iterates dependencies first.
 *
 * Questions about a path may name it by any path inside it. docs/closures.md has an example of each question, and what
 * it costs.
 */
export class Closure implements Iterable<PathInfo> {
  readonly #columns: ClosureColumns;
  #paths: readonly StorePath[] | undefined;
  #index: RowIndex | undefined;
  #referrers: ReferenceRows | undefined;
  #closureSizes: readonly number[] | undefined;
  #addedSizes: readonly number[] | undefined;

  constructor(columns: ClosureColumns) {
    this.#columns = columns;
  }

  /** Number of paths. */
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

  /** Bytes of the NARs of each path's own closure, in the order of `paths`. Found when first asked for. */
  get closureSizes(): readonly number[] {
    return (this.#closureSizes ??= closureSizes(this.rows, this.narSizes));
  }

  /**
   * Bytes of the NARs that would not be in this closure without each path, in the order of `paths`: its own, and those
   * of all that is referenced, from the paths that no other path references, only by way of it. Found when first asked
   * for.
   */
  get addedSizes(): readonly number[] {
    return (this.#addedSizes ??= addedSizes(this.#reversed, this.narSizes));
  }

  /** Every path, dependencies first. */
  get paths(): readonly StorePath[] {
    return (this.#paths ??= Array.from({ length: this.size }, (_, row) => this.#columns.path(row)));
  }

  /** The graph by row number; row i is `paths[i]`. */
  get rows(): ReferenceRows {
    return this.#columns.references;
  }

  /** Whether a store path, and not only something inside one, is in the closure. */
  has(path: string): boolean {
    return this.#find(path) !== undefined;
  }

  get(path: string): PathInfo | undefined {
    const row = this.#find(path);
    return row === undefined ? undefined : this.#info(row);
  }

  /**
   * Paths that a word names: a hash part, a base name, or a name, with or without version and output
   * (`openssl-3.0.14-bin`, `openssl-3.0.14`, `openssl`). The closest match counts: `openssl` is the first output where
   * there is one. Several where a name has several versions, or one of them several builds; none if there is no such name.
   */
  named(word: string): StorePath[] {
    requireString(word, "word");
    return pathsNamed(this.paths, word);
  }

  /**
   * Paths that a path of the closure references, itself among them if it refers to itself.
   * @throws {LaminixError} ERR_PATH_NOT_VALID when the path is not in the closure
   */
  references(path: string): StorePath[] {
    return Array.from(rowsOf(this.rows, this.#row(path)), this.#pathAt);
  }

  /**
   * Paths of the closure that reference a path.
   * @throws {LaminixError} ERR_PATH_NOT_VALID when the path is not in the closure
   */
  referrers(path: string): StorePath[] {
    return Array.from(rowsOf(this.#reversed, this.#row(path)), this.#pathAt);
  }

  /**
   * Bytes of the NARs of a path's own closure.
   * @throws {LaminixError} ERR_PATH_NOT_VALID when the path is not in the closure
   */
  closureSize(path: string): number {
    return this.closureSizes[this.#row(path)] ?? 0;
  }

  /**
   * Bytes of the NARs that would not be in this closure without a path.
   * @throws {LaminixError} ERR_PATH_NOT_VALID when the path is not in the closure
   */
  addedSize(path: string): number {
    return this.addedSizes[this.#row(path)] ?? 0;
  }

  /**
   * A shortest chain of references, from the one path to the other; of several the one whose paths come first. A chain
   * of one path leads from it to itself.
   * @returns `undefined` where the one does not depend on the other
   * @throws {LaminixError} ERR_PATH_NOT_VALID when `from` is not in the closure; ERR_STORE_PATH, ERR_OUTSIDE_STORE
   */
  whyDepends(from: string, to: string): StorePath[] | undefined {
    const pair = this.#pair(from, to);
    const chain = pair && shortestChain(this.rows, this.#reversed, pair, this.#byPath);
    return chain?.map(this.#pathAt);
  }

  /**
   * Every reference on any chain from the one path to the other, of dependents before that of their dependencies;
   * references of a path to itself left out, so that there is none from a path to itself.
   * @returns `undefined` where the one does not depend on the other
   * @throws {LaminixError} ERR_PATH_NOT_VALID when `from` is not in the closure; ERR_STORE_PATH, ERR_OUTSIDE_STORE
   */
  whyDependsAll(from: string, to: string): ReferenceEdge[] | undefined {
    const pair = this.#pair(from, to);
    const edges = pair && edgesBetween(this.rows, this.#reversed, pair);
    return edges?.map((edge) => ({ from: this.#pathAt(edge.from), to: this.#pathAt(edge.to) }));
  }

  /**
   * The tree of references below a path, in the order of `nix-store --query --tree`. What has been shown before is
   * shown again, marked and without what is below it.
   * @param options.depth how deep: 1 for the path and what it references; no limit unless given
   * @throws {LaminixError} ERR_PATH_NOT_VALID when the path is not in the closure
   */
  tree(path: string, options: { readonly depth?: number | undefined } = {}): Generator<TreeNode> {
    requireKnown(options, ["depth"]);
    checkGiven(options, "options", { depth: requireCount });
    return this.#tree(this.#row(path), options.depth ?? Infinity);
  }

  /** Packages, output by output, of which the closure has several versions or several builds; the largest first. */
  duplicates(): Duplicate[] {
    return duplicatesOf(this);
  }

  *[Symbol.iterator](): Generator<PathInfo> {
    for (let row = 0; row < this.size; row++) yield this.#info(row);
  }

  *#tree(root: number, most: number): Generator<TreeNode> {
    for (const { row, depth, isLast, isRepeated } of walkTree(this.rows, root, this.#byPath, most)) {
      yield { path: this.#pathAt(row), depth, isLast, isRepeated };
    }
  }

  #info(row: number): PathInfo {
    return infoAt(this.#columns, row, this.#pathAt);
  }

  get #reversed(): ReferenceRows {
    return (this.#referrers ??= reversed(this.rows));
  }

  readonly #pathAt = (row: number): StorePath => this.paths[row] ?? this.#columns.path(row);

  readonly #byPath = (one: number, other: number): number =>
    one === other ? 0 : this.#pathAt(one) < this.#pathAt(other) ? -1 : 1;

  #pair(from: string, to: string): RowPair | undefined {
    const row = this.#row(from, "from");
    const target = this.#search(to, "to");
    return target === undefined ? undefined : { from: row, to: target };
  }

  #row(path: string, argument = "path"): number {
    const row = this.#search(path, argument);
    if (row !== undefined) return row;
    throw new LaminixError("ERR_PATH_NOT_VALID", `${named(path)} is not in the closure`, {
      details: { path },
    });
  }

  /** A path that is not one of the closure's may be inside one; what is no store path at all is an error. */
  #search(path: string, argument: string): number | undefined {
    return this.#find(path, argument) ?? this.#find(toStorePath(path), argument);
  }

  #find(path: string, argument = "path"): number | undefined {
    requireString(path, argument);
    this.#index ??= new RowIndex(this.size, (row) => this.#columns.path(row));
    return this.#index.find(path);
  }
}
