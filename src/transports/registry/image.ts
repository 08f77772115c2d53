/** Images in a registry. Of their layers nothing is fetched until it is read. */
import { collect } from "../../bytes/bytes.js";
import { LaminixError } from "../../errors.js";
import { textIn } from "../../image/fields.js";
import type { Digest } from "../../bytes/digest.js";
import type { Descriptor } from "../../image/descriptor.js";
import type { NamedImage } from "../../image/image.js";
import type { Layer } from "../../image/layer.js";
import { INDEX } from "../../manifests/descriptor.js";
import { ImageJson } from "../../manifests/imageJson.js";
import { type ManifestPlace, ManifestReader } from "../../manifests/manifestReader.js";
import type { PlatformChoice } from "../../manifests/platform.js";
import { formatReference, type ImageReference } from "../../manifests/reference.js";
import { Unpacking } from "../plainTar.js";
import type { UnpackBudget } from "../unpackBudget.js";
import { fetchBlob } from "./blobs.js";
import type { RegistryClient } from "./client.js";
import { getManifest, type Manifest } from "./manifests.js";
import { type FetchEvent, remoteLayer } from "./remoteLayer.js";

export interface RemoteImageOptions extends PlatformChoice {
  readonly signal?: AbortSignal | undefined;
  readonly onFetch?: ((event: FetchEvent) => void) | undefined;
  readonly maxUnpacked?: number | UnpackBudget | undefined;
}

export interface RemoteImages {
  readonly images: readonly NamedImage[];
  /** What the reference leads to: a manifest, or an index. */
  readonly digest: Digest;
  readonly isIndex: boolean;
  /** Holds what is fetched of them. */
  readonly unpacking: Disposable;
}

/**
 * @param client stays open
 * @throws {LaminixError} ERR_ARCHIVE when it is damaged or for other platforms, ERR_DIGEST, ERR_JSON, ERR_UNSUPPORTED,
 *   ERR_REGISTRY, with `details.status` 404 when it is not there, ERR_REGISTRY_AUTH, ERR_REGISTRY_UNREACHABLE
 */
export async function readRemoteImages(
  client: RegistryClient,
  reference: ImageReference,
  options: RemoteImageOptions = {},
): Promise<RemoteImages> {
  const { digest, tag = "latest", repository } = reference;
  const { signal } = options;
  const root = await getManifest(client, repository, digest ?? tag, { signal });
  const place = new RemotePlace(client, reference, root, options);
  // The document's own word is covered by its digest; the header is not.
  const mediaType = textIn(place.json.parseObject(root.bytes, root.digest), "mediaType") ?? root.mediaType;
  const descriptor = { mediaType, digest: root.digest, size: root.bytes.length };
  const isTagged = reference.tag !== undefined || digest === undefined;
  const references = isTagged ? [formatReference({ ...reference, tag, digest: undefined })] : [];
  const images = await new ManifestReader(place, options).images([{ descriptor, references }]);
  return { images, digest: root.digest, isIndex: INDEX.test(mediaType), unpacking: place.unpacking };
}

class RemotePlace implements ManifestPlace {
  readonly name: string;
  readonly json: ImageJson;
  readonly maxDocuments = 100;
  readonly unpacking: Unpacking;
  readonly #client: RegistryClient;
  readonly #repository: string;
  readonly #root: Manifest;
  readonly #options: RemoteImageOptions;
  readonly #layers = new Map<string, Layer>();

  constructor(
    client: RegistryClient,
    reference: ImageReference,
    root: Manifest,
    options: RemoteImageOptions,
  ) {
    this.#client = client;
    this.#repository = reference.repository;
    this.#root = root;
    this.#options = options;
    this.unpacking = new Unpacking(options.maxUnpacked);
    this.name = formatReference(reference);
    this.json = new ImageJson(this.name, "an image");
  }

  async manifest({ digest, size }: Descriptor): Promise<Buffer> {
    if (digest === this.#root.digest) return this.#root.bytes;
    const { signal } = this.#options;
    const { bytes } = await getManifest(this.#client, this.#repository, digest, { signal });
    if (bytes.length === size) return bytes;
    throw new LaminixError("ERR_DIGEST", `${digest} of ${this.name} has another size than it should`, {
      details: { digest, expected: size, actual: bytes.length },
    });
  }

  async config(descriptor: Descriptor): Promise<Buffer> {
    const { size, digest } = descriptor;
    this.json.requireSmall(size, digest);
    const { signal } = this.#options;
    return collect(fetchBlob(this.#client, this.#repository, descriptor, { signal }));
  }

  /** Layers that are the same are the same object. */
  layer(descriptor: Descriptor, diffId: Digest): Layer {
    const { digest, mediaType } = descriptor;
    const key = `${digest} ${mediaType} ${diffId}`;
    const { onFetch } = this.#options;
    const layer =
      this.#layers.get(key) ??
      remoteLayer({
        ...{ client: this.#client, repository: this.#repository, descriptor, diffId, onFetch },
        unpacking: this.unpacking,
      });
    this.#layers.set(key, layer);
    return layer;
  }
}
