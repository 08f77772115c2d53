/**
 * Reads an OCI image layout, a folder or a tar of one. Every descriptor's digest and size are checked.
 * Format: OCI image-spec 1.1, image-layout.md.
 */
import { LaminixError } from "../../errors.js";
import { type Digest, digestOf, requireDigest } from "../../bytes/digest.js";
import { Turns } from "../../threads/turns.js";
import { type Descriptor, missingLayer, readDescriptors } from "../../manifests/descriptor.js";
import { ImageJson } from "../../manifests/imageJson.js";
import {
  type ManifestPlace,
  ManifestReader,
  type ManifestReaderOptions,
} from "../../manifests/manifestReader.js";
import type { Region } from "../../files/storedFile.js";
import type { StoredImage, StoredImages } from "../../image/storedImage.js";
import { StoredLayer } from "../storedLayer.js";
import { UnpackBudget } from "../unpackBudget.js";
import { blobName, type LayoutFiles } from "./blobs.js";
import { IMAGE_NAME, REF_NAME } from "./documents.js";

export interface LayoutOptions extends ManifestReaderOptions {
  readonly maxUnpacked?: number | UnpackBudget | undefined;
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
   * @throws {LaminixError} ERR_ARCHIVE, ERR_DIGEST, ERR_JSON, ERR_UNSUPPORTED, ERR_FILE_READ
   */
  static async in(files: LayoutFiles, options: LayoutOptions): Promise<OciLayout> {
    const place = new LayoutPlace(files, UnpackBudget.of(options.maxUnpacked));
    const reader = new ManifestReader(place, options);
    const index = reader.parse(place.named("index.json"), "index.json");
    const entries = readDescriptors(reader.json, index.get("manifests"), "index.json's manifests");
    const roots = entries.map((descriptor) => ({ descriptor, reference: referenceOf(descriptor) }));
    return new OciLayout(files, await reader.images(roots));
  }

  close(): void {
    this.#files.close();
    for (const { layers } of this.images) for (const layer of layers) layer.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

class LayoutPlace implements ManifestPlace {
  readonly name: string;
  readonly json: ImageJson;
  readonly patience = 10_000;
  readonly #files: LayoutFiles;
  readonly #budget: UnpackBudget;
  readonly #turns = new Turns(1);

  constructor(files: LayoutFiles, budget: UnpackBudget) {
    this.#files = files;
    this.#budget = budget;
    this.name = files.path;
    this.json = new ImageJson(this.name, "an OCI layout");
  }

  manifest(descriptor: Descriptor): Promise<Buffer> {
    return Promise.resolve(this.#blob(descriptor));
  }

  config(descriptor: Descriptor): Promise<Buffer> {
    return Promise.resolve(this.#blob(descriptor));
  }

  layer(descriptor: Descriptor, diffId: Digest): StoredLayer {
    const { digest, mediaType, annotations } = descriptor;
    const name = blobName(digest);
    if (!this.#files.find(name)) throw missingLayer(descriptor, this.name, this.#missing(name));
    return new StoredLayer({
      kind: "base",
      sources: [digest],
      diffId,
      stored: this.#region(descriptor),
      digest,
      mediaType,
      annotations,
      turns: this.#turns,
      budget: this.#budget,
    });
  }

  /** @throws {LaminixError} ERR_ARCHIVE */
  named(name: string): Buffer {
    return this.json.bytes(this.#find(name), name);
  }

  #blob(descriptor: Descriptor): Buffer {
    const { digest } = descriptor;
    const bytes = this.json.bytes(this.#region(descriptor), digest);
    requireDigest(`${digest} in ${this.name}`, digest, digestOf(bytes));
    return bytes;
  }

  #region({ digest, size }: Descriptor): Region {
    const region = this.#find(blobName(digest));
    if (region.size === size) return region;
    throw new LaminixError("ERR_DIGEST", `${digest} in ${this.name} has another size than it should`, {
      details: { path: this.name, digest, expected: size, actual: region.size },
      hint: "it was damaged or changed; fetch or write the image again",
    });
  }

  #find(name: string): Region {
    const region = this.#files.find(name);
    if (region) return region;
    throw this.#missing(name);
  }

  #missing(name: string): LaminixError {
    return this.json.damaged(`it has no ${name}`);
  }
}

/** The whole name if there is one: by itself `ref.name` is often a tag and no more. */
function referenceOf({ annotations }: Descriptor): string | undefined {
  return annotations.get(IMAGE_NAME) || annotations.get(REF_NAME) || undefined;
}
