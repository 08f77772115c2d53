/** What a layer is to everything that carries images: a file system tree whose tar is made when asked for. */
import { createHash } from "node:crypto";
import { COMPRESSORS, type Compressor } from "../compress/compressors.js";
import type { Digest } from "../bytes/digest.js";
import type { BorrowedBytes, RandomAccess } from "../bytes/bytes.js";
import type { LayerKind } from "../progress.js";
import type { StorePath } from "../store/storePath.js";

export interface LayerDigest {
  /** Of the uncompressed tar. */
  readonly diffId: Digest;
  /** Bytes of the uncompressed tar. */
  readonly size: number;
}

export interface LayerOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface DigestOptions extends LayerOptions {
  /** The layer will be read soon, and others in the order in which their digests are asked for: it may be read ahead. */
  readonly thenRead?: boolean;
}

export interface StoredOptions extends LayerOptions {
  /** Somebody else finds out whether the bytes are those of the digest. */
  readonly trusted?: boolean;
}

/** How a layer's tar is packed: as it is, with gzip, or with zstd. */
export type Encoding = Compressor;
export const ENCODINGS: readonly Encoding[] = COMPRESSORS;

/** By key. Format: OCI image-spec 1.1, annotations.md. */
export type Annotations = ReadonlyMap<string, string>;

/** A repository of a registry. */
export interface Origin {
  /** As in references. */
  readonly registry: string;
  readonly repository: string;
}

/** A layer that lies packed somewhere. */
export interface PackedLayer {
  readonly diffId: Digest;
  /** Of the packed bytes. */
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  /** Those of its descriptor. */
  readonly annotations?: Annotations | undefined;
  /** The repository that holds it: what makes a mount from there possible. */
  readonly origin?: Origin | undefined;
  /**
   * The packed bytes.
   * @throws {LaminixError} ERR_DIGEST at the end, when they are not those of the digest
   */
  open(options?: LayerOptions): BorrowedBytes;
}

export interface Layer {
  readonly kind: LayerKind;
  /** What it is made of, as the image's history tells it: store paths, or the name it had in a base image. */
  readonly sources: readonly string[];
  /** Same key, same bytes: known without reading a file, for layers made of store paths with known hashes. */
  readonly contentKey?: string | undefined;
  /** What somebody says that its diffID is, so that it can be told without being read; checked when it is read. */
  readonly expected?: Digest | undefined;
  /** The layer as it lies, in whatever encoding, where a manifest vouches for its bytes. */
  readonly asStored?: PackedLayer | undefined;
  /** Hash and size; found out once. */
  diffId(options?: DigestOptions): Promise<LayerDigest>;
  /**
   * The uncompressed tar from its start, every time.
   * @throws {LaminixError} ERR_FILE_CHANGED when the bytes are not those that were hashed
   */
  open(options?: LayerOptions): BorrowedBytes;
  /** The uncompressed tar where it lies already, to be read anywhere; absent where it is made when it is asked for. */
  stored?(options?: StoredOptions): Promise<RandomAccess>;
  /** The layer where it lies in that encoding already; `undefined` where it does not. */
  packed?(encoding: Encoding): PackedLayer | undefined;
}

export interface StorePathHash {
  readonly path: StorePath;
  /** SRI. */
  readonly narHash: string;
}

/** SHA-256 of a value's JSON, in base 16: for keys made of plain facts. */
export function hashOf(facts: unknown): string {
  return createHash("sha256").update(JSON.stringify(facts)).digest("hex");
}
