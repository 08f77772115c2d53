/** What images are where manifests lead to them, in a layout or a registry: blobs, and documents that name these. */
import { type BlobOptions, type Descriptor, layerBlob, type LayerBlob, packedBlob } from "./blob.js";
import { CONTENT_KEY } from "../image/annotations.js";
import { objectIn } from "../image/fields.js";
import { configFile, type Image } from "../image/image.js";
import type { Json } from "../bytes/json.js";
import type { Annotations, Encoding, Layer, PackedLayer } from "../image/layer.js";
import { type Digest, digestOf } from "../bytes/digest.js";
import { layerMediaType, type ManifestFormat, MEDIA_TYPES } from "./mediaTypes.js";
import { type Document, indexDocument, manifestDocument, type Target } from "./manifestDocuments.js";
import { type Platform, UNKNOWN } from "./platform.js";
import type { StoredImage, StoredManifest } from "../image/storedImage.js";

export interface CarriedImage {
  readonly kind: "image";
  /** `name:tag`s. */
  readonly references: readonly string[];
  /** Bottom first. */
  readonly layers: readonly Layer[];
  /** The configuration file, byte for byte. */
  readonly config: (diffIds: readonly Digest[]) => Buffer;
  readonly platform?: Platform | undefined;
  /** Of the manifest. */
  readonly annotations: Annotations;
  /** The image is passed on with it, every blob as it is. */
  readonly manifest?: StoredManifest | undefined;
}

/** One name for an image that is there for several platforms. */
export interface CarriedIndex {
  readonly kind: "index";
  readonly references: readonly string[];
  readonly images: readonly CarriedImage[];
  readonly annotations: Annotations;
}

export type Carried = CarriedImage | CarriedIndex;

/** @param format Docker's manifests have no annotations, so that the configuration tells what the layers are made of */
export function carriedImage(
  image: Image,
  references: readonly string[],
  format: ManifestFormat = "oci",
): CarriedImage {
  const { architecture, variant, layers, annotations = new Map<string, string>() } = image;
  const labelled = format === "oci" ? image : withContentKeys(image);
  return {
    kind: "image",
    references,
    layers,
    config: (diffIds) => Buffer.from(configFile(labelled, diffIds)),
    platform: typeof architecture === "string" ? { os: "linux", architecture, variant } : undefined,
    annotations,
  };
}

/** @param kept whose manifests are passed on as they are, with the blobs that they name */
export function carriedAsStored(
  image: StoredImage,
  references: readonly string[],
  kept: readonly ManifestFormat[],
): CarriedImage {
  const { layers, configBytes, platform, manifest } = image;
  return {
    kind: "image",
    references,
    layers,
    config: () => configBytes,
    // Of an unknown architecture is what is no image.
    platform: platform.architecture === UNKNOWN ? undefined : platform,
    annotations: new Map(),
    manifest: kept.some((format) => MEDIA_TYPES[format].manifest === manifest?.mediaType)
      ? manifest
      : undefined,
  };
}

/** The label has the layers' content keys, bottom first, with nothing for a layer without one. */
function withContentKeys(image: Image): Image {
  const keys = image.layers.map(({ contentKey = "" }) => contentKey);
  const all = new Map<string, Json>([...objectIn(image.config, "Labels"), [CONTENT_KEY, keys.join(",")]]);
  return { ...image, config: new Map([...image.config, ["Labels", all]]) };
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
  readonly targets: readonly Target[];
}

/** A layer that is the same in several images is there once. */
export class ImageContents implements Disposable {
  /** Each layer once. */
  readonly blobs: readonly LayerBlob[];
  readonly #entries: readonly Carried[];
  readonly #format: ManifestFormat;
  readonly #places = new Map<unknown, number>();

  constructor(entries: readonly Carried[], options: ContentsOptions) {
    this.#entries = entries;
    this.#format = options.format ?? "oci";
    const blobs: LayerBlob[] = [];
    for (const image of entries.flatMap((entry) => (entry.kind === "image" ? [entry] : entry.images))) {
      for (const [i, layer] of image.layers.entries()) {
        const key = keyOf(image, i);
        if (this.#places.has(key)) continue;
        this.#places.set(key, blobs.length);
        blobs.push(blobOf(image, layer, i, options));
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
    const image = (each: CarriedImage): Target => {
      const layers = each.layers.flatMap((_, i) => written[this.#places.get(keyOf(each, i)) ?? -1] ?? []);
      const config = each.config(layers.map(({ diffId }) => diffId));
      const configType = each.manifest?.configType ?? MEDIA_TYPES[format].config;
      const configDescriptor = add(blobDocument(configType, config));
      const descriptors = layers.map(({ descriptor }) => descriptor);
      const manifest = each.manifest
        ? blobDocument(each.manifest.mediaType, each.manifest.bytes)
        : manifestDocument(configDescriptor, descriptors, each.annotations, format);
      return { ...add(manifest), platform: each.platform };
    };
    const targets = this.#entries.map((entry) =>
      entry.kind === "image"
        ? image(entry)
        : add(indexDocument(entry.images.map(image), entry.annotations, format)),
    );
    return { all: [...documents.values()], targets };
  }

  [Symbol.dispose](): void {
    for (const blob of this.blobs) blob[Symbol.dispose]();
  }
}

function blobOf({ manifest }: CarriedImage, layer: Layer, i: number, options: ContentsOptions): LayerBlob {
  const { encoding, format, find } = options;
  const mediaType = manifest?.layerTypes[i];
  if (mediaType !== undefined && layer.asStored) return packedBlob(layer, layer.asStored, mediaType);
  const found = find?.(layer, encoding);
  if (found) return packedBlob(layer, found, layerMediaType(encoding, format));
  return layerBlob(layer, encoding, options);
}

/** Layers with the same key are the same blob. */
function keyOf({ manifest, layers }: CarriedImage, i: number): unknown {
  const layer = layers[i];
  if (layer?.expected === undefined) return layer?.contentKey ?? layer;
  return manifest ? `${layer.asStored?.digest ?? ""} ${manifest.layerTypes[i] ?? ""}` : layer.expected;
}

function blobDocument(mediaType: string, bytes: Buffer): Document {
  return { bytes, descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length } };
}
