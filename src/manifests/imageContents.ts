/** What images are where manifests lead to them, in a layout or a registry: blobs, and documents that name these. */
import { type BlobOptions, layerBlob, type LayerBlob, packedBlob } from "./blob.js";
import type { Descriptor } from "../image/descriptor.js";
import type { Image, NamedImage } from "../image/image.js";
import {
  contentKeyOf,
  type Encoding,
  knownDiffId,
  type Layer,
  type PackedLayer,
  packedLayer,
} from "../image/layer.js";
import { needsSnapshotter } from "../image/snapshotter.js";
import { type Digest, digestOf } from "../bytes/digest.js";
import { LaminixError } from "../errors.js";
import type { ImageIndex } from "./imageIndex.js";
import { layerMediaType, type ManifestFormat, MEDIA_TYPES } from "./mediaTypes.js";
import { type Document, indexDocument, manifestDocument } from "./manifestDocuments.js";

/** One name for an image that is there for several platforms. */
export interface NamedIndex {
  readonly index: ImageIndex;
  readonly references: readonly string[];
}

/** What a layout or a repository has by a name. */
export type Entry = NamedImage | NamedIndex;

export function imagesOf(entry: Entry): readonly Image[] {
  return "image" in entry ? [entry.image] : entry.index.images;
}

export interface ContentsOptions extends BlobOptions {
  readonly encoding: Encoding;
  /** Where a layer lies in that encoding already. */
  readonly find?: ((layer: Layer, encoding: Encoding) => PackedLayer | undefined) | undefined;
}

/** A layer as it is where it has been carried to. */
export interface WrittenLayer {
  readonly diffId: Digest;
  readonly descriptor: Descriptor;
}

/** All that is not a layer. */
export interface Documents {
  /** Blobs and manifests, each of which is mentioned by later ones only. */
  readonly all: readonly Document[];
  /** What each entry of the contents is, in order. */
  readonly targets: readonly Descriptor[];
}

/** A layer that is the same in several images is there once. */
export class ImageContents implements Disposable {
  /** Each layer once. */
  readonly blobs: readonly LayerBlob[];
  readonly #entries: readonly Entry[];
  readonly #format: ManifestFormat;
  readonly #places = new Map<unknown, number>();

  /** @throws {LaminixError} ERR_UNSUPPORTED for what the format cannot say */
  constructor(entries: readonly Entry[], options: ContentsOptions) {
    this.#entries = entries;
    this.#format = options.format ?? "oci";
    if (this.#format === "docker") requireNoMounts(entries.flatMap(imagesOf));
    const blobs: LayerBlob[] = [];
    for (const image of entries.flatMap(imagesOf)) {
      for (const layer of image.layers) {
        const key = keyOf(image, layer);
        if (this.#places.has(key)) continue;
        this.#places.set(key, blobs.length);
        blobs.push(blobOf(image, layer, options));
      }
    }
    this.blobs = blobs;
  }

  /** @param written what has become of the blobs, in their order */
  documents(written: readonly WrittenLayer[]): Documents {
    const documents = new Map<Digest, Document>();
    const add = (document: Document): Descriptor => {
      documents.set(document.descriptor.digest, document);
      return document.descriptor;
    };
    const format = this.#format;
    const target = (image: Image): Descriptor => {
      const { manifest, platform } = image;
      const layers = image.layers.flatMap(
        (layer) => written[this.#places.get(keyOf(image, layer)) ?? -1] ?? [],
      );
      const { bytes } = image.config(layers.map(({ diffId }) => diffId));
      const config = add(blobDocument(manifest?.configType ?? MEDIA_TYPES[format].config, bytes));
      const descriptors = layers.map(({ descriptor }) => descriptor);
      const document = manifest
        ? blobDocument(manifest.mediaType, manifest.bytes)
        : manifestDocument(config, descriptors, image.annotations, format);
      return { ...add(document), platform };
    };
    const targets = this.#entries.map((entry) =>
      "image" in entry
        ? target(entry.image)
        : add(indexDocument(entry.index.images.map(target), entry.index.annotations, format)),
    );
    return { all: [...documents.values()], targets };
  }

  [Symbol.dispose](): void {
    for (const blob of this.blobs) blob[Symbol.dispose]();
  }
}

/** @throws {LaminixError} ERR_UNSUPPORTED */
function requireNoMounts(images: readonly Image[]): void {
  if (!images.some((image) => !image.manifest && needsSnapshotter(image))) return;
  throw new LaminixError(
    "ERR_UNSUPPORTED",
    "Docker's manifests have no annotations, which tell nix-snapshotter what to mount",
    { hint: "use OCI's manifests: leave --manifest-format (manifestFormat) out" },
  );
}

function blobOf({ manifest }: Image, layer: Layer, options: ContentsOptions): LayerBlob {
  const { encoding, format, find } = options;
  const { source } = layer;
  if (manifest && source.kind !== "made" && source.packed) {
    const isElsewhere = source.kind === "foreign" && source.urls.length > 0;
    return packedBlob(layer, source.packed, source.packed.mediaType, isElsewhere ? "foreign" : "packed");
  }
  const found = find?.(layer, encoding);
  if (found) return packedBlob(layer, found, layerMediaType(encoding, format));
  return layerBlob(layer, encoding, options);
}

/** Layers with the same key are the same blob. */
function keyOf({ manifest }: Image, layer: Layer): unknown {
  const packed = packedLayer(layer);
  if (manifest && packed) return `${packed.digest} ${packed.mediaType}`;
  return knownDiffId(layer) ?? contentKeyOf(layer) ?? layer;
}

function blobDocument(mediaType: string, bytes: Buffer): Document {
  return { bytes, descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length } };
}
