/**
 * From a manifest, or an index of some, to images: the same in an OCI layout and in a registry. What the question does not
 * need is not read: of several platforms the one that is wanted, and of no layer a byte.
 * Format: OCI image-spec 1.1, image-index.md, manifest.md, config.md; and Docker's manifests of schema 2, which differ
 * in their media types only.
 */
import { LaminixError } from "../errors.js";
import { isObject, type JsonObject } from "../bytes/json.js";
import type { Digest } from "../bytes/digest.js";
import { MEDIA_TYPES } from "./mediaTypes.js";
import {
  CONFIG,
  INDEX,
  isBesideImages,
  LAYER,
  MANIFEST,
  readDescriptor,
  readDescriptors,
} from "./descriptor.js";
import type { ImageJson } from "./imageJson.js";
import { textIn } from "../image/fields.js";
import type { Descriptor } from "../image/descriptor.js";
import { type ConfigFile, configFile, type Image, type NamedImage } from "../image/image.js";
import type { Layer } from "../image/layer.js";
import { type Platform, platformName } from "../image/platform.js";
import { chosenPlatform, type PlatformChoice, platformOf } from "./platform.js";

/** Where manifests are. What it hands out has been checked against the digest and the size that led to it. */
export interface ManifestPlace {
  /** What it is called in errors. */
  readonly name: string;
  /** Reads its documents. */
  readonly json: ImageJson;
  /** How many manifests and configurations are read, at the most. */
  readonly maxDocuments: number;
  manifest(descriptor: Descriptor): Promise<Buffer>;
  config(descriptor: Descriptor): Promise<Buffer>;
  /** Its blob need not be there. */
  layer(descriptor: Descriptor, diffId: Digest): Layer;
}

/** What leads to an image, or to several, and what these are called. */
export interface NamedDescriptor {
  readonly references: readonly string[];
  readonly descriptor: Descriptor;
}

/** A manifest that is for one platform; an image, unless reading it tells otherwise. */
export interface PlatformManifest extends NamedDescriptor {
  readonly platform: Platform;
}

/** Indexes in one another, at the most. */
export const MAX_DEPTH = 8;
/** Descriptors that are looked at, at the most. */
export const MAX_ENTRIES = 10_000;

interface ManifestParts {
  readonly bytes: Buffer;
  readonly json: JsonObject;
  readonly config: ConfigFile;
  readonly configType: string;
}

export class ManifestReader {
  readonly #place: ManifestPlace;
  readonly #json: ImageJson;
  readonly #choice: PlatformChoice;
  readonly #documents = new Map<Digest, { readonly bytes: Buffer; readonly json: JsonObject }>();
  /** Types of what is there beside images, and of indexes and manifests that are not known. */
  readonly #others = new Set<string>();
  #entries = 0;

  constructor(place: ManifestPlace, choice: PlatformChoice = {}) {
    this.#place = place;
    this.#json = place.json;
    this.#choice = choice;
  }

  /**
   * What is no image, as a signature, is passed over.
   * @throws {LaminixError} ERR_ARCHIVE, ERR_DIGEST, ERR_JSON, ERR_UNSUPPORTED where there is no image, and what reading from
   *   the place throws
   */
  async images(roots: readonly NamedDescriptor[]): Promise<NamedImage[]> {
    const all = await this.manifests(roots);
    // Images of one name, or of none, may be the same for several platforms.
    const byName = new Map<string, PlatformManifest[]>();
    for (const each of all) {
      const name = each.references.join(" ");
      const group = byName.get(name);
      if (group) group.push(each);
      else byName.set(name, [each]);
    }
    const chosen = [...byName.values()].flatMap((group) =>
      chosenPlatform(group, this.#choice, this.#place.name),
    );
    const images: NamedImage[] = [];
    for (const manifest of chosen) {
      const image = await this.#image(manifest).catch((error: unknown) => {
        throw hinted(error, all);
      });
      if (image) images.push({ image, references: manifest.references });
    }
    if (images.length > 0) return images;
    throw this.#others.size === 0 ? this.#json.damaged("it lists no image") : this.#noImage();
  }

  /** The manifests that descriptors lead to, through indexes. */
  async manifests(roots: readonly NamedDescriptor[]): Promise<PlatformManifest[]> {
    const found: PlatformManifest[] = [];
    for (const root of roots) found.push(...(await this.#manifests(root, 0)));
    return found;
  }

  /** What an image's manifest leads to, its configuration first; nothing where it is no image. */
  async blobs({ descriptor }: PlatformManifest): Promise<readonly Descriptor[]> {
    const { json } = await this.#document(descriptor, (each) => this.#place.manifest(each));
    const config = this.#configIn(json);
    return config ? [config, ...readDescriptors(this.#json, json.get("layers"), "layers")] : [];
  }

  async #manifests(root: NamedDescriptor, depth: number): Promise<PlatformManifest[]> {
    const { references, descriptor } = root;
    const { digest, mediaType, platform } = descriptor;
    if (++this.#entries > MAX_ENTRIES) throw this.#json.damaged("it lists too many manifests");
    if (depth > MAX_DEPTH) throw this.#json.damaged("its indexes lie in one another too deep");
    if (isBesideImages(descriptor)) {
      if (descriptor.artifactType !== undefined) this.#others.add(descriptor.artifactType);
      return [];
    }
    const isManifest = MANIFEST.test(mediaType);
    if (isManifest && platform) return [{ ...root, platform }];
    if (!isManifest && !INDEX.test(mediaType) && mediaType !== "") {
      this.#others.add(mediaType);
      return [];
    }
    const { json } = await this.#document(descriptor, (each) => this.#place.manifest(each));
    if (INDEX.test(mediaType) || (mediaType === "" && isIndex(json))) {
      const entries = readDescriptors(this.#json, json.get("manifests"), `${digest}'s manifests`);
      const found: PlatformManifest[] = [];
      for (const entry of entries)
        found.push(...(await this.#manifests({ references, descriptor: entry }, depth + 1)));
      return found;
    }
    if (platform) return [{ ...root, platform }];
    const parts = await this.#parts(descriptor);
    return parts ? [{ ...root, platform: platformOf(parts.config.json) }] : [];
  }

  async #image({ descriptor: own, platform }: PlatformManifest): Promise<Image | undefined> {
    const parts = await this.#parts(own);
    if (!parts) return undefined;
    const { bytes, json, config, configType } = parts;
    const layers = readDescriptors(this.#json, json.get("layers"), "layers");
    const diffIds = this.#json.diffIds(config.json, layers.length);
    this.#json.requireFewLayers(layers.length);
    return {
      layers: layers.map((layer, i) => this.#layer(layer, diffIds[i] ?? layer.digest)),
      platform,
      annotations: new Map(),
      config: () => config,
      manifest: {
        mediaType: own.mediaType === "" ? MEDIA_TYPES.oci.manifest : own.mediaType,
        digest: own.digest,
        size: own.size,
        bytes,
        configType,
      },
    };
  }

  #layer(descriptor: Descriptor, diffId: Digest): Layer {
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

  /** `undefined` where the manifest is not that of an image. */
  async #parts(descriptor: Descriptor): Promise<ManifestParts | undefined> {
    const { bytes, json } = await this.#document(descriptor, (each) => this.#place.manifest(each));
    const told = this.#configIn(json);
    if (!told) return undefined;
    const config = await this.#document(told, (each) => this.#place.config(each));
    return { bytes, json, config: configFile(config.json, config.bytes), configType: told.mediaType };
  }

  #configIn(manifest: JsonObject): Descriptor | undefined {
    const config = readDescriptor(this.#json, manifest.get("config"), "config");
    const artifactType = textIn(manifest, "artifactType") ?? config.mediaType;
    if (CONFIG.test(config.mediaType) && CONFIG.test(artifactType)) return config;
    this.#others.add(artifactType);
    return undefined;
  }

  /** Images may share what they consist of. */
  async #document(
    descriptor: Descriptor,
    read: (descriptor: Descriptor) => Promise<Buffer>,
  ): Promise<{ readonly bytes: Buffer; readonly json: JsonObject }> {
    const { digest } = descriptor;
    const known = this.#documents.get(digest);
    if (known) return known;
    if (this.#documents.size > this.#place.maxDocuments)
      throw this.#json.damaged("it lists too many manifests");
    const bytes = await read(descriptor);
    const document = { bytes, json: this.#json.parseObject(bytes, digest) };
    this.#documents.set(digest, document);
    return document;
  }

  #noImage(): LaminixError {
    const { name } = this.#place;
    const types = [...this.#others];
    const what = types.map((type) => (type === "" ? "a manifest of no type" : type)).join(" and ");
    const which = types.length === 1 ? "which is no image" : "which are no images";
    return new LaminixError("ERR_UNSUPPORTED", `${name} has ${what}, ${which}`, {
      details: { path: name, mediaType: types[0], mediaTypes: types },
      hint: "images are read as OCI's manifests and Docker's of schema 2 have them",
    });
  }
}

/** Of a document of no type. */
function isIndex(document: JsonObject): boolean {
  return document.has("manifests") && !isObject(document.get("config"));
}

/** Where there are several platforms, one that is not there whole need not be the one that was meant. */
function hinted(error: unknown, manifests: readonly PlatformManifest[]): unknown {
  const platforms = [...new Set(manifests.map(({ platform }) => platformName(platform)))];
  if (!(error instanceof LaminixError) || error.details.blob === undefined || platforms.length < 2)
    return error;
  const { code, message, details, cause } = error;
  const hint = `name a platform that is there, with --os, --arch and --variant: the image is for ${platforms.join(", ")}`;
  return new LaminixError(code, message, { cause, details: { ...details, platforms }, hint });
}
