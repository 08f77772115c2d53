/**
 * Reads an OCI image layout, a folder or a tar of one. Every descriptor's digest and size are checked when what it leads to
 * is read. Format: OCI image-spec 1.1, image-layout.md.
 */
import { LaminixError } from "../../errors.js";
import { type Digest, digestOf, requireDigest } from "../../bytes/digest.js";
import type { Region } from "../../files/storedFile.js";
import type { Descriptor } from "../../image/descriptor.js";
import type { Layer } from "../../image/layer.js";
import { missingLayer, readDescriptors } from "../../manifests/descriptor.js";
import { ImageJson } from "../../manifests/imageJson.js";
import { type ManifestPlace, ManifestReader, type NamedDescriptor } from "../../manifests/manifestReader.js";
import type { PlatformChoice } from "../../manifests/platform.js";
import { archivedLayer } from "../archivedLayer.js";
import { OpenedImages } from "../openedImages.js";
import { Unpacking } from "../plainTar.js";
import type { UnpackBudget } from "../unpackBudget.js";
import { blobName, type LayoutFiles } from "./blobs.js";
import { IMAGE_NAME, REF_NAME } from "./documents.js";

export interface LayoutOptions extends PlatformChoice {
  readonly maxUnpacked?: number | UnpackBudget | undefined;
}

/**
 * @param files closed with the images
 * @throws {LaminixError} ERR_ARCHIVE, ERR_DIGEST, ERR_JSON, ERR_UNSUPPORTED, ERR_FILE_READ
 */
export async function openLayout(files: LayoutFiles, options: LayoutOptions): Promise<OpenedImages> {
  const place = new LayoutPlace(files, new Unpacking(options.maxUnpacked));
  const reader = new ManifestReader(place, options);
  return new OpenedImages(await reader.images(place.roots()), [files, place.unpacking]);
}

export class LayoutPlace implements ManifestPlace {
  readonly name: string;
  readonly json: ImageJson;
  readonly maxDocuments = 10_000;
  readonly unpacking: Unpacking;
  readonly #files: LayoutFiles;

  constructor(files: LayoutFiles, unpacking: Unpacking) {
    this.#files = files;
    this.unpacking = unpacking;
    this.name = files.path;
    this.json = new ImageJson(this.name, "an OCI layout");
  }

  /**
   * What `index.json` lists.
   * @throws {LaminixError} ERR_ARCHIVE, ERR_JSON
   */
  roots(): NamedDescriptor[] {
    const name = "index.json";
    const index = this.json.parseObject(this.json.bytes(this.#find(name), name), name);
    const entries = readDescriptors(this.json, index.get("manifests"), "index.json's manifests");
    return entries.map((descriptor) => ({ descriptor, references: referencesOf(descriptor) }));
  }

  has({ digest }: Descriptor): boolean {
    return this.#files.find(blobName(digest)) !== undefined;
  }

  manifest(descriptor: Descriptor): Promise<Buffer> {
    return Promise.resolve(this.#blob(descriptor));
  }

  config(descriptor: Descriptor): Promise<Buffer> {
    return Promise.resolve(this.#blob(descriptor));
  }

  layer(descriptor: Descriptor, diffId: Digest): Layer {
    const { digest } = descriptor;
    return archivedLayer({
      kind: "base",
      sources: [digest],
      diffId,
      path: this.name,
      stored: () => {
        if (this.has(descriptor)) return this.#region(descriptor);
        throw missingLayer(descriptor, this.name, this.#missing(blobName(digest)));
      },
      descriptor,
      unpacking: this.unpacking,
    });
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
    return this.json.damaged(`it has no ${name}`, { details: { blob: name } });
  }
}

/** The whole name if there is one: by itself `ref.name` is often a tag and no more. */
function referencesOf({ annotations }: Descriptor): readonly string[] {
  const name = annotations?.get(IMAGE_NAME) || annotations?.get(REF_NAME);
  return name ? [name] : [];
}
