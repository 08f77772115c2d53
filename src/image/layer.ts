/** What a layer is to everything that carries images: a file system tree whose tar is made when asked for. */
import { createHash } from "node:crypto";
import { COMPRESSORS, type Compressor } from "../compress/compressors.js";
import type { Digest } from "../bytes/digest.js";
import type { BorrowedBytes, RandomAccess } from "../bytes/bytes.js";
import type { BytesOrPart } from "../files/filePart.js";
import type { Annotations, Descriptor } from "./descriptor.js";
import type { LayerKind } from "../progress.js";

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

export interface AccessOptions extends LayerOptions {
  /** Whether the bytes are those of the diffID is checked by somebody else. */
  readonly trusted?: boolean;
}

/** How a layer's tar is packed: as it is, with gzip, or with zstd. */
export type Encoding = Compressor;
export const ENCODINGS: readonly Encoding[] = COMPRESSORS;

/** A repository of a registry. */
export interface Origin {
  /** As in references. */
  readonly registry: string;
  readonly repository: string;
}

/** A layer as it lies packed somewhere, where a manifest vouches for its bytes. */
export interface PackedLayer extends Descriptor {
  readonly diffId: Digest;
  /** Absent where it is none of these. */
  readonly encoding: Encoding | undefined;
  /** The repository that holds it: what makes a mount from there possible. */
  readonly origin?: Origin | undefined;
  /**
   * The packed bytes.
   * @throws {LaminixError} ERR_DIGEST at the end, when they are not those of the digest
   */
  open(options?: LayerOptions): BorrowedBytes;
}

/** How a layer stands in the docker-archive that it comes from; nixpkgs' image builder passes it on like that. */
export interface ArchiveMember {
  readonly name: string;
  /** The member's header in canonical form, PAX blocks included. */
  readonly header: Buffer;
  /** Bytes of the member's own body: 0 for a link. */
  readonly size: number;
}

/** What is known of every layer that an image brings along. */
interface Existing {
  /** As the configuration says; checked when the layer is read. */
  readonly diffId: Digest;
  /** The uncompressed tar, to be read anywhere until the image is closed. */
  access(options?: AccessOptions): Promise<RandomAccess>;
  /** Lets go of what was fetched or unpacked, unless it is being read. It is made again where that is needed. */
  release(): void;
}

/** Tarred when it is asked for. */
export interface MadeSource {
  readonly kind: "made";
  /** Same key, same bytes: known without reading a file, for layers made of store paths with known hashes. */
  readonly contentKey: string | undefined;
  /** What a descriptor of it says beside its content key. */
  readonly annotations?: Annotations | undefined;
}

/** Lies in a file. */
export interface StoredSource extends Existing {
  readonly kind: "stored";
  readonly encoding: Encoding | undefined;
  /** Absent where no manifest vouches for the bytes. */
  readonly packed: PackedLayer | undefined;
  readonly member: ArchiveMember | undefined;
  /** What a manifest says of it, or would. */
  descriptor(options?: LayerOptions): Promise<Descriptor>;
  /** The bytes as they lie, unchecked. */
  openStored(options?: LayerOptions): BorrowedBytes;
}

/** Lies in a registry; fetched when its bytes are needed. */
export interface RemoteSource extends Existing {
  readonly kind: "remote";
  readonly packed: PackedLayer;
}

/** Lies elsewhere, and may not be passed on (OCI image-spec, layer.md, "Non-Distributable Layers"). */
export interface ForeignSource extends Existing {
  readonly kind: "foreign";
  readonly packed: PackedLayer;
  readonly urls: readonly string[];
}

export type LayerSource = MadeSource | StoredSource | RemoteSource | ForeignSource;

export interface Layer {
  readonly kind: LayerKind;
  /** What it is made of, as the image's history tells it: store paths, or the name it had in a base image. */
  readonly sources: readonly string[];
  /** Where its bytes come from. */
  readonly source: LayerSource;
  /** Hash and size; computed once. What lies compressed is unpacked for it, since its size is not known before. */
  diffId(options?: DigestOptions): Promise<LayerDigest>;
  /**
   * The uncompressed tar from its start, every time.
   * @throws {LaminixError} ERR_FILE_CHANGED when the bytes are not those that were hashed, ERR_DIGEST when they are not
   *   those of the diffID
   */
  open(options?: LayerOptions): BorrowedBytes;
  /** The same, with large files as parts, for those who can pass them on; where its files are on this disk. */
  openParts?(options?: LayerOptions): AsyncIterable<BytesOrPart>;
}

/** Its diffID as far as it is known without the layer being read. */
export function knownDiffId({ source }: Layer): Digest | undefined {
  return source.kind === "made" ? undefined : source.diffId;
}

export function contentKeyOf({ source }: Layer): string | undefined {
  return source.kind === "made" ? source.contentKey : undefined;
}

/** The layer as it lies, in whatever encoding. */
export function packedLayer({ source }: Layer): PackedLayer | undefined {
  return source.kind === "made" ? undefined : source.packed;
}

/** Whether its size is known only when it has been fetched or unpacked, which takes room on the disk. */
export function needsUnpacking({ source }: Layer): boolean {
  return source.kind !== "made" && !(source.kind === "stored" && source.encoding === "none");
}

/** Lets go of what takes room on the disk. */
export function releaseLayer({ source }: Layer): void {
  if (source.kind !== "made") source.release();
}

/** SHA-256 of a value's JSON, in base 16: for keys made of plain facts. */
export function hashOf(facts: unknown): string {
  return createHash("sha256").update(JSON.stringify(facts)).digest("hex");
}
