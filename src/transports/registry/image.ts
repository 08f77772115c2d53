/** Images in a registry, as the value that images are everywhere here. Of their layers nothing is fetched until it is read. */
import { collect } from "../../bytes/bytes.js";
import { LaminixError } from "../../errors.js";
import { textIn } from "../../image/fields.js";
import type { Digest } from "../../bytes/digest.js";
import { type Descriptor, INDEX } from "../../manifests/descriptor.js";
import { ImageJson } from "../../manifests/imageJson.js";
import {
  type ManifestPlace,
  ManifestReader,
  type ManifestReaderOptions,
} from "../../manifests/manifestReader.js";
import { formatReference, type ImageReference } from "../../manifests/reference.js";
import type { StoredImages } from "../../image/storedImage.js";
import { UnpackBudget } from "../unpackBudget.js";
import { fetchBlob } from "./blobs.js";
import type { RegistryClient } from "./client.js";
import { type FetchEvent, LayerTurns, RemoteLayer } from "./layer.js";
import { getManifest, type Manifest } from "./manifests.js";

export interface RemoteImageOptions extends ManifestReaderOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onFetch?: ((event: FetchEvent) => void) | undefined;
  readonly maxUnpacked?: number | UnpackBudget | undefined;
}

export interface RemoteImages extends StoredImages {
  readonly digest: Digest;
  /** Whether that is the digest of an index. */
  readonly isIndex: boolean;
}

/**
 * @param client stays open
 * @throws {LaminixError} ERR_ARCHIVE when it is damaged or for other platforms, ERR_DIGEST, ERR_JSON, ERR_UNSUPPORTED,
 *   ERR_REGISTRY, with `details.status` 404 when it is not there, ERR_REGISTRY_AUTH, ERR_REGISTRY_UNREACHABLE
 */
export async function openRemoteImages(
  client: RegistryClient,
  reference: ImageReference,
  options: RemoteImageOptions = {},
): Promise<RemoteImages> {
  const { digest, tag = "latest", repository } = reference;
  const { signal } = options;
  const root = await getManifest(client, repository, digest ?? tag, { signal });
  const place = new RemotePlace(client, reference, root, options);
  const reader = new ManifestReader(place, options);
  // The document's own word is covered by its digest; the header is not.
  const mediaType = textIn(reader.parse(root.bytes, root.digest), "mediaType") ?? root.mediaType;
  const descriptor = {
    ...{ mediaType, digest: root.digest, size: root.bytes.length },
    ...{ platform: undefined, annotations: new Map<string, string>() },
  };
  const isTagged = reference.tag !== undefined || digest === undefined;
  const name = isTagged ? formatReference({ ...reference, tag, digest: undefined }) : undefined;
  const images = await reader.images([{ descriptor, reference: name }]);
  const close = (): void => {
    for (const layer of images.flatMap(({ layers }) => layers)) layer.close();
  };
  return { images, digest: root.digest, isIndex: INDEX.test(mediaType), close, [Symbol.dispose]: close };
}

class RemotePlace implements ManifestPlace {
  readonly name: string;
  readonly json: ImageJson;
  readonly patience = 100;
  readonly #client: RegistryClient;
  readonly #repository: string;
  readonly #root: Manifest;
  readonly #options: RemoteImageOptions;
  readonly #budget: UnpackBudget;
  readonly #turns = new LayerTurns();
  readonly #layers = new Map<string, RemoteLayer>();

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
    this.#budget = UnpackBudget.of(options.maxUnpacked);
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
  layer(blob: Descriptor, diffId: Digest): RemoteLayer {
    const key = `${blob.digest} ${diffId}`;
    const { onFetch } = this.#options;
    const layer =
      this.#layers.get(key) ??
      new RemoteLayer({
        client: this.#client,
        repository: this.#repository,
        blob,
        diffId,
        onFetch,
        turns: this.#turns,
        budget: this.#budget,
      });
    this.#layers.set(key, layer);
    return layer;
  }
}
