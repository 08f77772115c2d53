/**
 * Reads an OCI image layout, a folder or a tar of one. Every descriptor's digest and size are checked.
 * Format: OCI image-spec 1.1, image-layout.md, image-index.md, manifest.md, config.md; and Docker's manifests of
 * schema 2, which differ in their media types only.
 */
import { LaminixError } from "../../errors.js";
import type { JsonObject } from "../../image/json.js";
import type { Annotations, Digest } from "../../image/layer.js";
import { MEDIA_TYPES } from "../../image/mediaTypes.js";
import { Turns } from "../../tar/turns.js";
import {
  CONFIG,
  type Descriptor,
  INDEX,
  isAttestation,
  LAYER,
  MANIFEST,
  readDescriptor,
  readDescriptors,
} from "../descriptor.js";
import { digestOf, requireDigest } from "../digest.js";
import { ImageJson } from "../imageJson.js";
import { forPlatform, type Platform, platformName, platformOf } from "../platform.js";
import type { Region } from "../storedFile.js";
import type { StoredImage, StoredImages } from "../storedImage.js";
import { StoredLayer } from "../storedLayer.js";
import { blobName, type LayoutFiles } from "./blobs.js";

/** Indexes in one another, at the most. */
const MAX_DEPTH = 8;
/** Descriptors that are looked at, at the most. */
const MAX_DESCRIPTORS = 10_000;

/** A manifest that an entry of `index.json` leads to. */
interface Leaf {
  readonly reference: string | undefined;
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
  readonly manifest: JsonObject;
  readonly platform: Platform;
}

/** An open layout. Its layers can be read until it is closed. */
export class OciLayout implements StoredImages {
  readonly images: readonly StoredImage[];
  readonly #files: LayoutFiles;

  private constructor(files: LayoutFiles, images: readonly StoredImage[]) {
    this.#files = files;
    this.images = images;
  }

  /**
   * @param files closed with the layout
   * @param wanted which image it is where there are several platforms; every one where it is `all`
   * @throws {LaminixError} ERR_ARCHIVE, ERR_DIGEST, ERR_JSON, ERR_UNSUPPORTED, ERR_FILE_READ
   */
  static in(files: LayoutFiles, wanted: Platform | "all"): OciLayout {
    return new OciLayout(files, new LayoutReader(files, wanted).images());
  }

  close(): void {
    this.#files.close();
    for (const { layers } of this.images) for (const layer of layers) layer.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

class LayoutReader {
  readonly #files: LayoutFiles;
  readonly #json: ImageJson;
  readonly #wanted: Platform | "all";
  readonly #turns = new Turns(1);
  #seen = 0;

  constructor(files: LayoutFiles, wanted: Platform | "all") {
    this.#files = files;
    this.#json = new ImageJson(files.path, "an OCI layout");
    this.#wanted = wanted;
  }

  images(): StoredImage[] {
    const index = this.#parse(this.#named("index.json"), "index.json");
    const leaves = this.#entries(index, "index.json").flatMap((entry) =>
      this.#leaves(entry, referenceOf(entry), 0),
    );
    if (leaves.length === 0) throw this.#json.damaged("its index.json lists no image");
    // Images of one name, or of none, may be the same for several platforms.
    const references = [...new Set(leaves.map(({ reference }) => reference))];
    return references
      .flatMap((reference) => this.#chosen(leaves.filter((leaf) => leaf.reference === reference)))
      .map((leaf) => this.#image(leaf));
  }

  #chosen(leaves: readonly Leaf[]): readonly Leaf[] {
    const wanted = this.#wanted;
    if (wanted === "all") return leaves;
    const platforms = [...new Set(leaves.map(({ platform }) => platformName(platform)))];
    if (platforms.length === 1) return leaves;
    const chosen = forPlatform(leaves, wanted);
    if (chosen.length > 0) return chosen;
    throw new LaminixError(
      "ERR_ARCHIVE",
      `${this.#files.path} has no image for ${platformName(wanted)}, only for ${platforms.join(", ")}`,
      {
        details: { path: this.#files.path, wanted: platformName(wanted), platforms },
        hint: "name one of these as the image's architecture",
      },
    );
  }

  /** The manifests that a descriptor leads to, through indexes. */
  #leaves(descriptor: Descriptor, reference: string | undefined, depth: number): Leaf[] {
    if (++this.#seen > MAX_DESCRIPTORS) throw this.#json.damaged("it lists too many manifests");
    if (depth > MAX_DEPTH) throw this.#json.damaged("its indexes lie in one another too deep");
    if (isAttestation(descriptor)) return [];
    const { digest, mediaType } = descriptor;
    const bytes = this.#blob(descriptor);
    const document = this.#parse(bytes, digest);
    if (INDEX.test(mediaType) || (mediaType === "" && document.has("manifests"))) {
      return this.#entries(document, digest).flatMap((entry) => this.#leaves(entry, reference, depth + 1));
    }
    if (!MANIFEST.test(mediaType) && mediaType !== "") {
      throw new LaminixError("ERR_UNSUPPORTED", `${this.#files.path} has ${mediaType}, which is no image`, {
        details: { path: this.#files.path, digest, mediaType },
      });
    }
    const platform = descriptor.platform ?? platformOf(this.#config(document).file);
    return [{ reference, descriptor, bytes, manifest: document, platform }];
  }

  #image({ manifest, reference, descriptor: own, bytes: manifestBytes, platform }: Leaf): StoredImage {
    const { descriptor, bytes, file } = this.#config(manifest);
    const layers = readDescriptors(this.#json, manifest.get("layers"), "layers");
    const diffIds = this.#json.diffIds(file, layers.length);
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

  #layer(descriptor: Descriptor, diffId: Digest): StoredLayer {
    const { digest, mediaType, annotations } = descriptor;
    if (!LAYER.test(mediaType)) {
      throw new LaminixError("ERR_UNSUPPORTED", `${this.#files.path} has a layer of type ${mediaType}`, {
        details: { path: this.#files.path, digest, mediaType },
        hint: "layers are read that are plain tars, or compressed with gzip or zstd",
      });
    }
    return new StoredLayer({
      kind: "base",
      sources: [digest],
      diffId,
      stored: this.#region(descriptor),
      digest,
      mediaType,
      annotations: texts(annotations),
      turns: this.#turns,
    });
  }

  #config(manifest: JsonObject): {
    readonly descriptor: Descriptor;
    readonly bytes: Buffer;
    readonly file: JsonObject;
  } {
    const descriptor = readDescriptor(this.#json, manifest.get("config"), "config");
    if (!CONFIG.test(descriptor.mediaType)) {
      throw new LaminixError(
        "ERR_UNSUPPORTED",
        `${this.#files.path} has ${descriptor.mediaType}, which is no image`,
        { details: { path: this.#files.path, mediaType: descriptor.mediaType } },
      );
    }
    const bytes = this.#blob(descriptor);
    return { descriptor, bytes, file: this.#parse(bytes, descriptor.digest) };
  }

  #entries(index: JsonObject, name: string): Descriptor[] {
    return readDescriptors(this.#json, index.get("manifests"), `${name}'s manifests`);
  }

  /** Checked. */
  #blob(descriptor: Descriptor): Buffer {
    const { digest } = descriptor;
    const bytes = this.#json.bytes(this.#region(descriptor), digest);
    requireDigest(`${digest} in ${this.#files.path}`, digest, digestOf(bytes));
    return bytes;
  }

  #region({ digest, size }: Descriptor): Region {
    const region = this.#find(blobName(digest));
    if (region.size === size) return region;
    throw new LaminixError("ERR_DIGEST", `${digest} in ${this.#files.path} has another size than it should`, {
      details: { path: this.#files.path, digest, expected: size, actual: region.size },
      hint: "it was damaged or changed; fetch or write the image again",
    });
  }

  #named(name: string): Buffer {
    return this.#json.bytes(this.#find(name), name);
  }

  #find(name: string): Region {
    const region = this.#files.find(name);
    if (region) return region;
    throw this.#json.damaged(`it has no ${name}`);
  }

  #parse(bytes: Buffer, name: string): JsonObject {
    return this.#json.object(this.#json.parse(bytes, name), name);
  }
}

function texts(annotations: JsonObject): Annotations {
  return new Map(
    [...annotations].flatMap(([key, value]) => (typeof value === "string" ? [[key, value]] : [])),
  );
}

/** The whole name if there is one: by itself `ref.name` is often a tag and no more. */
function referenceOf({ annotations }: Descriptor): string | undefined {
  const name = annotations.get("io.containerd.image.name");
  const reference = annotations.get("org.opencontainers.image.ref.name");
  return typeof name === "string" ? name : typeof reference === "string" ? reference : undefined;
}
