/** Images in registries. */
import { counted } from "../../bytes/bytes.js";
import type { Digest } from "../../bytes/digest.js";
import { LaminixError } from "../../errors.js";
import { type Region, regionBytes, wholeOf } from "../../files/storedFile.js";
import { ImageJson } from "../../manifests/imageJson.js";
import { formatReference, type ImageReference } from "../../manifests/reference.js";
import { fetchBlob } from "../../transports/registry/blobs.js";
import type { RegistryClient } from "../../transports/registry/client.js";
import { getManifest } from "../../transports/registry/manifests.js";
import { spooled } from "../../transports/unpack.js";
import type { CheckedDescriptor } from "./descriptor.js";
import { type BlobPlace, ManifestCheck, type ManifestCheckOptions } from "./manifests.js";

/** @throws {LaminixError} ERR_REGISTRY, with `details.status` 404 when there is nothing of that name; ERR_REGISTRY_AUTH, ERR_REGISTRY_UNREACHABLE */
export async function checkRemote(
  client: RegistryClient,
  reference: ImageReference,
  options: ManifestCheckOptions,
): Promise<ManifestCheck> {
  const { digest, tag = "latest", repository } = reference;
  const place = new RemotePlace(client, repository, options);
  const root = await getManifest(client, repository, digest ?? tag, options);
  const check = new ManifestCheck(place, options);
  await check.manifest({
    ...{ mediaType: root.mediaType, digest: root.digest, size: root.bytes.length },
    ...{ platform: undefined, annotations: new Map() },
  });
  return check;
}

class RemotePlace implements BlobPlace {
  readonly json: ImageJson;
  readonly #client: RegistryClient;
  readonly #repository: string;
  readonly #options: ManifestCheckOptions;

  constructor(client: RegistryClient, repository: string, options: ManifestCheckOptions) {
    this.#client = client;
    this.#repository = repository;
    this.#options = options;
    this.json = new ImageJson(`${client.registry}/${repository}`, "an image");
  }

  pathOf(digest: Digest): string {
    return formatReference({ registry: this.#client.registry, repository: this.#repository, digest });
  }

  async manifest({ digest }: CheckedDescriptor): Promise<Buffer | undefined> {
    const manifest = await unlessMissing(getManifest(this.#client, this.#repository, digest, this.#options));
    return manifest?.bytes;
  }

  config(descriptor: CheckedDescriptor): Promise<Buffer | undefined> {
    this.json.requireSmall(descriptor.size, descriptor.digest);
    return this.withBlob(descriptor, (region) => Promise.resolve(regionBytes(region)));
  }

  async withBlob<T>(
    descriptor: CheckedDescriptor,
    use: (region: Region) => Promise<T>,
    onFetch?: (received: number) => void,
  ): Promise<T | undefined> {
    const pieces = fetchBlob(this.#client, this.#repository, descriptor, this.#options);
    const path = this.pathOf(descriptor.digest);
    const file = await unlessMissing(spooled(path, counted(pieces, onFetch), this.#options.budget));
    if (!file) return undefined;
    using open = file;
    return await use(wholeOf(open));
  }
}

async function unlessMissing<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof LaminixError && error.details["status"] === 404) return undefined;
    throw error;
  }
}
