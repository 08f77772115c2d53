/**
 * From a manifest, or an index of some, to images: the same in an OCI layout and in a registry.
 * Format: OCI image-spec 1.1, image-index.md, manifest.md, config.md; and Docker's manifests of schema 2, which differ
 * in their media types only.
 */
import { LaminixError } from "../errors.js";
import { isObject, type JsonObject } from "../bytes/json.js";
import type { Digest } from "../bytes/digest.js";
import { MEDIA_TYPES } from "./mediaTypes.js";
import {
  CONFIG,
  type Descriptor,
  INDEX,
  isAttestation,
  LAYER,
  MANIFEST,
  readDescriptor,
  readDescriptors,
} from "./descriptor.js";
import type { ImageJson } from "./imageJson.js";
import { forPlatform, hostArchitecture, type Platform, platformName, platformOf } from "./platform.js";
import type { ReadyLayer, StoredImage } from "../image/storedImage.js";

/** Where manifests are. What it hands out has been checked against the digest and the size that led to it. */
export interface ManifestPlace {
  /** What it is called in errors. */
  readonly name: string;
  /** Reads its documents. */
  readonly json: ImageJson;
  /** How many manifests and indexes are looked into, at the most. */
  readonly patience: number;
  manifest(descriptor: Descriptor): Promise<Buffer>;
  config(descriptor: Descriptor): Promise<Buffer>;
  layer(descriptor: Descriptor, diffId: Digest): ReadyLayer;
}

export interface ManifestReaderOptions {
  /** Which image it is where there are several platforms; this machine's, on Linux, unless given. */
  readonly platform?: Platform | "all" | undefined;
  /** Whether an image that there is for one platform only has to be for the wanted one. */
  readonly strict?: boolean | undefined;
}

/** What an image may be called, and what leads to it. */
export interface Root {
  readonly reference: string | undefined;
  readonly descriptor: Descriptor;
}

/** A manifest that a root leads to; read when it is asked for. */
interface Leaf {
  readonly reference: string | undefined;
  readonly descriptor: Descriptor;
  readonly platform: Platform;
}

/** Indexes in one another, at the most. */
const MAX_DEPTH = 8;

export class ManifestReader {
  readonly json: ImageJson;
  readonly #place: ManifestPlace;
  readonly #options: ManifestReaderOptions;
  readonly #read = new Map<Digest, Buffer>();
  readonly #parsed = new Map<Digest, JsonObject>();
  #entries = 0;

  constructor(place: ManifestPlace, options: ManifestReaderOptions = {}) {
    this.#place = place;
    this.#options = options;
    this.json = place.json;
  }

  /** @throws {LaminixError} ERR_ARCHIVE, ERR_DIGEST, ERR_JSON, ERR_UNSUPPORTED, and what reading from the place throws */
  async images(roots: readonly Root[]): Promise<StoredImage[]> {
    const leaves: Leaf[] = [];
    for (const { descriptor, reference } of roots)
      leaves.push(...(await this.#leaves(descriptor, reference, 0)));
    if (leaves.length === 0) throw this.json.damaged("it lists no image");
    // Images of one name, or of none, may be the same for several platforms.
    const references = [...new Set(leaves.map(({ reference }) => reference))];
    const chosen = references.flatMap((reference) =>
      this.#chosen(leaves.filter((leaf) => leaf.reference === reference)),
    );
    const images: StoredImage[] = [];
    for (const leaf of chosen) images.push(await this.#image(leaf));
    return images;
  }

  parse(bytes: Buffer, name: string): JsonObject {
    return this.json.object(this.json.parse(bytes, name), name);
  }

  #chosen(leaves: readonly Leaf[]): readonly Leaf[] {
    const { platform: wanted = { os: "linux", architecture: hostArchitecture() }, strict = false } =
      this.#options;
    if (wanted === "all") return leaves;
    const platforms = [...new Set(leaves.map(({ platform }) => platformName(platform)))];
    if (platforms.length === 1 && !strict) return leaves;
    const chosen = forPlatform(leaves, wanted);
    if (chosen.length > 0) return chosen;
    const { name } = this.#place;
    throw new LaminixError(
      "ERR_ARCHIVE",
      `${name} has no image for ${platformName(wanted)}, only for ${platforms.join(", ")}`,
      {
        details: { path: name, wanted: platformName(wanted), platforms },
        hint: `set the spec's architecture and variant, or --os, --arch and --variant, to one of: ${platforms.join(", ")}`,
      },
    );
  }

  /** The manifests that a descriptor leads to, through indexes. */
  async #leaves(descriptor: Descriptor, reference: string | undefined, depth: number): Promise<Leaf[]> {
    if (++this.#entries > MAX_ENTRIES) throw this.json.damaged("it lists too many manifests");
    if (depth > MAX_DEPTH) throw this.json.damaged("its indexes lie in one another too deep");
    if (isAttestation(descriptor)) return [];
    const { digest, mediaType, platform } = descriptor;
    if (MANIFEST.test(mediaType) && platform) return [{ reference, descriptor, platform }];
    const document = this.#document(await this.#manifest(descriptor), digest);
    if (INDEX.test(mediaType) || (mediaType === "" && isIndex(document))) {
      const entries = readDescriptors(this.json, document.get("manifests"), `${digest}'s manifests`);
      const leaves: Leaf[] = [];
      for (const entry of entries) leaves.push(...(await this.#leaves(entry, reference, depth + 1)));
      return leaves;
    }
    if (!MANIFEST.test(mediaType) && mediaType !== "") throw this.#noImage(mediaType);
    return [{ reference, descriptor, platform: platform ?? platformOf((await this.#config(document)).file) }];
  }

  async #image({ reference, descriptor: own, platform }: Leaf): Promise<StoredImage> {
    const manifestBytes = await this.#manifest(own);
    const manifest = this.#document(manifestBytes, own.digest);
    const { descriptor, bytes, file } = await this.#config(manifest);
    const layers = readDescriptors(this.json, manifest.get("layers"), "layers");
    const diffIds = this.json.diffIds(file, layers.length);
    this.json.requireFewLayers(layers.length);
    return {
      references: reference === undefined ? [] : [reference],
      configDigest: descriptor.digest,
      configFile: file,
      configBytes: bytes,
      layers: layers.map((layer, i) => this.#layer(layer, diffIds[i] ?? layer.digest)),
      platform,
      manifest: {
        mediaType: own.mediaType === "" ? MEDIA_TYPES.oci.manifest : own.mediaType,
        digest: own.digest,
        bytes: manifestBytes,
        configType: descriptor.mediaType,
        layerTypes: layers.map(({ mediaType }) => mediaType),
      },
    };
  }

  #layer(descriptor: Descriptor, diffId: Digest): ReadyLayer {
    const { mediaType, digest } = descriptor;
    if (LAYER.test(mediaType)) return this.#place.layer(descriptor, diffId);
    const { name } = this.#place;
    throw new LaminixError(
      "ERR_UNSUPPORTED",
      `${name} has a layer of ${mediaType === "" ? "no type" : `type ${mediaType}`}`,
      {
        details: { path: name, digest, mediaType },
        hint: "layers are read that are plain tars, or compressed with gzip or zstd",
      },
    );
  }

  async #config(manifest: JsonObject): Promise<{
    readonly descriptor: Descriptor;
    readonly bytes: Buffer;
    readonly file: JsonObject;
  }> {
    const descriptor = readDescriptor(this.json, manifest.get("config"), "config");
    if (!CONFIG.test(descriptor.mediaType)) throw this.#noImage(descriptor.mediaType);
    const bytes = await this.#once(descriptor, (each) => this.#place.config(each));
    return { descriptor, bytes, file: this.#document(bytes, descriptor.digest) };
  }

  /** Images may share what they consist of. */
  #document(bytes: Buffer, digest: Digest): JsonObject {
    const document = this.#parsed.get(digest) ?? this.parse(bytes, digest);
    this.#parsed.set(digest, document);
    return document;
  }

  #manifest(descriptor: Descriptor): Promise<Buffer> {
    return this.#once(descriptor, (each) => this.#place.manifest(each));
  }

  async #once(descriptor: Descriptor, read: (descriptor: Descriptor) => Promise<Buffer>): Promise<Buffer> {
    const known = this.#read.get(descriptor.digest);
    if (known) return known;
    if (this.#read.size > this.#place.patience) throw this.json.damaged("it lists too many manifests");
    const bytes = await read(descriptor);
    this.#read.set(descriptor.digest, bytes);
    return bytes;
  }

  #noImage(mediaType: string): LaminixError {
    const { name } = this.#place;
    const what = mediaType === "" ? "a manifest of no type" : mediaType;
    return new LaminixError("ERR_UNSUPPORTED", `${name} has ${what}, which is no image`, {
      details: { path: name, mediaType },
      hint: "images are read as OCI's manifests and Docker's of schema 2 have them",
    });
  }
}

/** Of a document of no type. */
function isIndex(document: JsonObject): boolean {
  return document.has("manifests") && !isObject(document.get("config"));
}

/** Descriptors that are looked at, at the most. */
const MAX_ENTRIES = 10_000;
