/** A layer as it is carried: in one encoding, with the digest of what it is then. */
import { createHash } from "node:crypto";
import type { BorrowedBytes } from "../bytes/bytes.js";
import { compress } from "../compress/compress.js";
import type { GzipEncoder } from "../compress/compressors.js";
import { encoderName } from "../compress/encoder.js";
import { LaminixError } from "../errors.js";
import { Spool } from "../files/spool.js";
import type { BlobDigest, DigestCache } from "../image/digestCache.js";
import { CONTENT_KEY, LAYER_KIND } from "../image/annotations.js";
import type { Annotations, Descriptor } from "../image/descriptor.js";
import { mountAnnotationsOf } from "../image/snapshotter.js";
import {
  contentKeyOf,
  type DigestOptions,
  type Encoding,
  knownDiffId,
  type Layer,
  type LayerDigest,
  type LayerOptions,
  type Origin,
  type PackedLayer,
  packedLayer,
  releaseLayer,
} from "../image/layer.js";
import { type ManifestFormat, layerMediaType } from "./mediaTypes.js";

export interface LayerBlob extends Disposable {
  readonly layer: Layer;
  readonly mediaType: string;
  /** The repository that holds it, where one does. */
  readonly origin?: Origin | undefined;
  /**
   * Whether its bytes are passed on as they lie, are those of the tar, have to be compressed, or lie elsewhere and are not
   * passed on.
   */
  readonly kind: "packed" | "plain" | "compressed" | "foreign";
  /** What compresses it, as digests are remembered by; where nothing has to, none. */
  encoder(): Promise<string | undefined>;
  /** Of the tar in it; its size is that of the packed bytes where the layer lies packed and nobody has to unpack it. */
  plain(options?: DigestOptions): Promise<LayerDigest>;
  /** Digest and size of its bytes; found out once. */
  descriptor(options?: LayerOptions): Promise<Descriptor>;
  /** The same where nothing has to be compressed for it. */
  known(options?: LayerOptions): Promise<Descriptor | undefined>;
  /** Its bytes from their start, every time. */
  open(options?: LayerOptions): BorrowedBytes;
  /** Sees to it that the bytes need not be made again: what is compressed waits in a temporary file. */
  make(options?: LayerOptions): Promise<void>;
  /** Lets go of temporary files. Idempotent. */
  [Symbol.dispose](): void;
}

export interface BlobOptions {
  /** Of gzip 0 to 12, and to 9 by zlib, 6 unless given; of zstd 1 to 19, 3 unless given. */
  readonly level?: number | undefined;
  /** Of gzip; libdeflate unless given. */
  readonly encoder?: GzipEncoder | undefined;
  /** Threads that compress, at the most. */
  readonly jobs?: number | undefined;
  /** Remembers what layers with a content key are when they are compressed. */
  readonly cache?: DigestCache | undefined;
  /** Whose media types; OCI's unless given. */
  readonly format?: ManifestFormat | undefined;
}

/**
 * The layer in an encoding. One that lies in it already is passed on as it is, whatever level it was compressed with.
 * @throws {LaminixError} ERR_UNSUPPORTED for zstd in Docker's format; opening it ERR_ADDON_MISSING, ERR_DIGEST
 *   when it is not what its digest says, and what reading the layer throws
 */
export function layerBlob(layer: Layer, encoding: Encoding, options: BlobOptions = {}): LayerBlob {
  const mediaType = layerMediaType(encoding, options.format);
  const packed = packedLayer(layer);
  if (packed?.encoding === encoding) return packedBlob(layer, packed, mediaType);
  if (encoding === "none") return new PlainBlob(layer, mediaType);
  return new CompressedBlob(layer, mediaType, encoding, options);
}

/** A layer that is passed on as it lies, or told of where it may not be. */
export function packedBlob(
  layer: Layer,
  packed: PackedLayer,
  mediaType: string,
  kind: "packed" | "foreign" = "packed",
): LayerBlob {
  const { diffId, digest, size, annotations, origin } = packed;
  const descriptor = { mediaType, digest, size, annotations };
  return {
    layer,
    mediaType,
    origin,
    kind,
    plain: () => Promise.resolve({ diffId, size }),
    known: () => Promise.resolve(descriptor),
    descriptor: () => Promise.resolve(descriptor),
    make: () => Promise.resolve(),
    encoder: () => Promise.resolve(undefined),
    open: (options) => packed.open(options),
    [Symbol.dispose]: () => undefined,
  };
}

class PlainBlob implements LayerBlob {
  readonly kind = "plain";
  readonly layer: Layer;
  readonly mediaType: string;

  constructor(layer: Layer, mediaType: string) {
    this.layer = layer;
    this.mediaType = mediaType;
  }

  plain(options?: DigestOptions): Promise<LayerDigest> {
    return this.layer.diffId(options);
  }

  encoder(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  async descriptor(options?: LayerOptions): Promise<Descriptor> {
    const { diffId, size } = await this.layer.diffId(options);
    return { mediaType: this.mediaType, digest: diffId, size, annotations: annotationsOf(this.layer) };
  }

  known(options?: LayerOptions): Promise<Descriptor> {
    return this.descriptor(options);
  }

  make(): Promise<void> {
    return Promise.resolve();
  }

  open(options?: LayerOptions): BorrowedBytes {
    return this.layer.open(options);
  }

  [Symbol.dispose](): void {
    releaseLayer(this.layer);
  }
}

class CompressedBlob implements LayerBlob {
  readonly kind = "compressed";
  readonly layer: Layer;
  readonly mediaType: string;
  readonly #encoding: Exclude<Encoding, "none">;
  readonly #options: BlobOptions;
  #found: BlobDigest | undefined;
  #made: Spool | undefined;
  #making: Promise<void> | undefined;

  constructor(layer: Layer, mediaType: string, encoding: Exclude<Encoding, "none">, options: BlobOptions) {
    this.layer = layer;
    this.mediaType = mediaType;
    this.#encoding = encoding;
    this.#options = options;
  }

  plain(options?: DigestOptions): Promise<LayerDigest> {
    return this.layer.diffId(options);
  }

  encoder(): Promise<string> {
    const { level, encoder } = this.#options;
    return encoderName(this.#encoding, { level, encoder });
  }

  async known(): Promise<Descriptor | undefined> {
    if (!this.#found) {
      const memory = await this.#memory();
      this.#found ??= memory?.cache.compressed(memory.key, memory.encoder);
    }
    return (
      this.#found && {
        mediaType: this.mediaType,
        ...this.#found,
        annotations: annotationsOf(this.layer),
      }
    );
  }

  async descriptor(options: LayerOptions = {}): Promise<Descriptor> {
    const known = await this.known();
    if (known) return known;
    await this.make(options);
    return this.descriptor(options);
  }

  make(options: LayerOptions = {}): Promise<void> {
    if (this.#made) return Promise.resolve();
    this.#making ??= this.#make(options).finally(() => (this.#making = undefined));
    return this.#making;
  }

  async *open(options: LayerOptions = {}): AsyncGenerator<Uint8Array> {
    const made = this.#made;
    if (!made) {
      yield* this.#compressed(options);
      return;
    }
    for (const piece of made.pieces(0, made.size)) {
      options.signal?.throwIfAborted();
      yield piece;
    }
  }

  [Symbol.dispose](): void {
    releaseLayer(this.layer);
    this.#made?.close();
    this.#made = undefined;
  }

  async #make(options: LayerOptions): Promise<void> {
    const spool = new Spool();
    try {
      for await (const piece of this.#compressed(options)) spool.append(piece);
      this.#made = spool;
    } catch (error) {
      spool.close();
      throw error;
    }
  }

  async *#compressed({ signal }: LayerOptions): AsyncGenerator<Uint8Array> {
    const { level, encoder, jobs } = this.#options;
    const hash = createHash("sha256");
    let size = 0;
    const pieces = compress(this.layer.open({ signal }), this.#encoding, { level, encoder, jobs, signal });
    for await (const piece of pieces) {
      hash.update(piece);
      size += piece.length;
      yield piece;
    }
    releaseLayer(this.layer);
    await this.#remember({ digest: `sha256:${hash.digest("hex")}`, size });
  }

  /** Files that changed are told of by the layer; what else can change is the encoder. */
  async #remember(actual: BlobDigest): Promise<void> {
    const memory = await this.#memory();
    const expected = this.#found;
    if (expected && (expected.digest !== actual.digest || expected.size !== actual.size)) {
      memory?.cache.removeCompressed(memory.key, memory.encoder);
      this.#found = undefined;
      throw new LaminixError("ERR_DIGEST", "a compressed layer is not what it was remembered to be", {
        details: { paths: this.layer.sources, expected: expected.digest, actual: actual.digest },
        hint: "what was remembered of it is forgotten now: try again",
      });
    }
    this.#found = actual;
    if (!expected) memory?.cache.putCompressed(memory.key, memory.encoder, actual);
  }

  /** Where its digest is remembered. */
  async #memory(): Promise<
    { readonly cache: DigestCache; readonly key: string; readonly encoder: string } | undefined
  > {
    const { cache } = this.#options;
    const key = contentKeyOf(this.layer) ?? knownDiffId(this.layer);
    if (!cache || key === undefined) return undefined;
    return { cache, key, encoder: await this.encoder() };
  }
}

/** What a manifest says of a layer that was made or packed here. */
export function annotationsOf(layer: Layer): Annotations | undefined {
  const contentKey = contentKeyOf(layer);
  const annotations = new Map([
    ...(contentKey === undefined ? [] : [[CONTENT_KEY, contentKey] as const]),
    ...(layer.kind === "store" ? [[LAYER_KIND, layer.kind] as const] : []),
    ...mountAnnotationsOf(layer),
  ]);
  return annotations.size === 0 ? undefined : annotations;
}
