/** What goes into an OCI layout: images, and indexes of them. */
import {
  type BlobOptions,
  type Descriptor,
  layerBlob,
  type LayerBlob,
  packedBlob,
} from "../../image/blob.js";
import { configFile, type Image } from "../../image/image.js";
import type { JsonObject } from "../../image/json.js";
import type { Annotations, Digest, Encoding, Layer } from "../../image/layer.js";
import { MEDIA_TYPES } from "../../image/mediaTypes.js";
import { digestOf } from "../digest.js";
import type { Platform } from "../platform.js";
import type { StoredImage, StoredManifest } from "../storedImage.js";
import { StoredLayer } from "../storedLayer.js";
import { type Document, indexDocument, layoutEntries, manifestDocument, type Target } from "./documents.js";

export interface LayoutImage {
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
export interface LayoutIndex {
  readonly kind: "index";
  readonly references: readonly string[];
  readonly images: readonly LayoutImage[];
  readonly annotations: Annotations;
}

export type LayoutEntry = LayoutImage | LayoutIndex;

export function layoutImage(image: Image, references: readonly string[]): LayoutImage {
  const { architecture, variant, layers, annotations = new Map<string, string>() } = image;
  return {
    kind: "image",
    references,
    layers,
    config: (diffIds) => Buffer.from(configFile(image, diffIds)),
    platform: typeof architecture === "string" ? { os: "linux", architecture, variant } : undefined,
    annotations,
  };
}

/** An image that lies in a layout is passed on as it is, unless its manifest is one of Docker's. */
export function storedLayoutImage(image: StoredImage, references: readonly string[]): LayoutImage {
  const { layers, configBytes, platform, manifest } = image;
  return {
    kind: "image",
    references,
    layers,
    config: () => configBytes,
    platform,
    annotations: new Map(),
    manifest: manifest?.mediaType === MEDIA_TYPES.oci.manifest ? manifest : undefined,
  };
}

export interface EncodingOptions extends BlobOptions {
  readonly encoding: Encoding;
}

/** A layer as it is in the layout. */
export interface WrittenLayer {
  readonly diffId: Digest;
  readonly descriptor: Descriptor;
}

/** All that is not a layer. */
export interface LayoutDocuments {
  /** Blobs, each of which is mentioned by later ones only. */
  readonly documents: readonly Document[];
  /** For `index.json`. */
  readonly entries: readonly JsonObject[];
  /** What each entry of the contents is, in order. */
  readonly targets: readonly Descriptor[];
}

/** A layer that is the same in several images is there once. */
export class LayoutContents implements Disposable {
  /** Each layer once. */
  readonly blobs: readonly LayerBlob[];
  readonly #entries: readonly LayoutEntry[];
  readonly #places = new Map<unknown, number>();

  constructor(entries: readonly LayoutEntry[], options: EncodingOptions) {
    this.#entries = entries;
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
  documents(written: readonly WrittenLayer[]): LayoutDocuments {
    const documents = new Map<Digest, Document>();
    const add = (document: Document): Descriptor => {
      documents.set(document.descriptor.digest, document);
      return document.descriptor;
    };
    const image = (each: LayoutImage): Target => {
      const layers = each.layers.flatMap((_, i) => written[this.#places.get(keyOf(each, i)) ?? -1] ?? []);
      const config = each.config(layers.map(({ diffId }) => diffId));
      const configDescriptor = add(blobDocument(each.manifest?.configType ?? MEDIA_TYPES.oci.config, config));
      const descriptors = layers.map(({ descriptor }) => descriptor);
      const manifest = each.manifest
        ? blobDocument(each.manifest.mediaType, each.manifest.bytes)
        : manifestDocument(configDescriptor, descriptors, each.annotations);
      return { ...add(manifest), platform: each.platform };
    };
    const targets = this.#entries.map((entry) =>
      entry.kind === "image" ? image(entry) : add(indexDocument(entry.images.map(image), entry.annotations)),
    );
    const entries = this.#entries.flatMap(({ references }, i) => {
      const target = targets[i];
      return target ? layoutEntries(target, references) : [];
    });
    return { documents: [...documents.values()], entries, targets };
  }

  [Symbol.dispose](): void {
    for (const blob of this.blobs) blob[Symbol.dispose]();
  }
}

function blobOf({ manifest }: LayoutImage, layer: Layer, i: number, options: EncodingOptions): LayerBlob {
  const mediaType = manifest?.layerTypes[i];
  const packed = layer instanceof StoredLayer ? layer.asStored : undefined;
  if (mediaType !== undefined && packed) return packedBlob(layer, packed, mediaType);
  return layerBlob(layer, options.encoding, options);
}

/** Layers with the same key are the same blob. */
function keyOf({ manifest, layers }: LayoutImage, i: number): unknown {
  const layer = layers[i];
  if (!(layer instanceof StoredLayer)) return layer?.contentKey ?? layer;
  return manifest ? `${layer.asStored?.digest ?? ""} ${manifest.layerTypes[i] ?? ""}` : layer.expected;
}

function blobDocument(mediaType: string, bytes: Buffer): Document {
  return { bytes, descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length } };
}
