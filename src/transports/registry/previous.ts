/**
 * What images that are in registries already have of a new one: layers that are made of the same, known without reading
 * one. An OCI manifest tells by an annotation of each layer what it is made of, Docker's by a label of the configuration;
 * and every configuration tells the layers' diffIDs.
 *
 * It is believed: who may put an image there can say of any layer that it is made of something.
 */
import { LaminixError } from "../../errors.js";
import { annotationsOf } from "../../manifests/blob.js";
import { CONTENT_KEY } from "../../image/annotations.js";
import type { DigestCache } from "../../image/digestCache.js";
import type { JsonObject } from "../../bytes/json.js";
import { objectIn, textIn } from "../../image/fields.js";
import { knownConfig } from "../../image/image.js";
import { contentKeyOf, type Encoding, knownDiffId, type Layer, type PackedLayer } from "../../image/layer.js";
import type { Digest } from "../../bytes/digest.js";
import { formatReference, type ImageReference } from "../../manifests/reference.js";
import type { RegistryClient } from "./client.js";
import { readRemoteImages, type RemoteImages } from "./image.js";
import { isPassingStatus } from "../../http/retry.js";

export interface PreviousImage {
  readonly client: RegistryClient;
  readonly reference: ImageReference;
}

export interface PreviousOptions {
  readonly signal?: AbortSignal | undefined;
  /** Remembers diffIDs of layers by what they are made of. */
  readonly cache?: DigestCache | undefined;
  /** Called for an image that is there and cannot be made use of. */
  readonly onUseless?: ((message: string) => void) | undefined;
}

export class PreviousLayers {
  /** By what they are made of, and by diffID; those of the images that were named first come first. */
  readonly #layers = new Map<string, PackedLayer[]>();
  /** What references lead to, by their whole names. */
  readonly #targets = new Map<string, Digest>();
  /** Manifests, configurations and layers, by repository and digest. */
  readonly #blobs = new Set<string>();
  readonly #cache: DigestCache | undefined;

  constructor({ cache }: Pick<PreviousOptions, "cache"> = {}) {
    this.#cache = cache;
  }

  /**
   * An image that is not there has nothing; neither has one that is no image, or that may not be read.
   * @throws {LaminixError} ERR_REGISTRY_UNREACHABLE, and ERR_REGISTRY where asking again has not helped
   */
  static async of(images: readonly PreviousImage[], options: PreviousOptions = {}): Promise<PreviousLayers> {
    const previous = new PreviousLayers(options);
    const opened = await Promise.all(images.map((image) => openedIfUseful(image, options)));
    for (const [i, image] of images.entries()) {
      const there = opened[i];
      if (there) previous.#add(image.reference, there);
    }
    return previous;
  }

  get isEmpty(): boolean {
    return this.#layers.size === 0;
  }

  /** The same layer in that encoding, where there is one. */
  find(layer: Layer, encoding: Encoding): PackedLayer | undefined {
    const contentKey = contentKeyOf(layer);
    const remembered = (): Digest | undefined =>
      contentKey === undefined ? undefined : this.#cache?.get(contentKey)?.diffId;
    const packed =
      this.#packed(contentKey, encoding) ?? this.#packed(knownDiffId(layer) ?? remembered(), encoding);
    return packed && { ...packed, annotations: annotationsOf(layer) };
  }

  /** Whether the reference leads there. */
  leadsTo(reference: ImageReference, digest: Digest): boolean {
    return this.#targets.get(formatReference(reference)) === digest;
  }

  /** Whether the manifest, the configuration or the layer is in the repository. */
  has({ registry, repository }: ImageReference, digest: Digest): boolean {
    return this.#blobs.has(`${registry}/${repository}@${digest}`);
  }

  #packed(key: string | undefined, encoding: Encoding): PackedLayer | undefined {
    const there = key === undefined ? undefined : this.#layers.get(key);
    return there?.find((packed) => packed.encoding === encoding);
  }

  #add(reference: ImageReference, { images, digest }: RemoteImages): void {
    const { registry, repository } = reference;
    this.#targets.set(formatReference(reference), digest);
    for (const { image } of images) {
      const config = knownConfig(image);
      const layers = image.layers.map(remoteBlob);
      this.#addLayers(layers, config.json);
      for (const each of [
        digest,
        image.manifest?.digest,
        config.digest,
        ...layers.map((layer) => layer?.digest),
      ])
        if (each) this.#blobs.add(`${registry}/${repository}@${each}`);
    }
  }

  #addLayers(layers: readonly (PackedLayer | undefined)[], config: JsonObject): void {
    const labels = objectIn(objectIn(config, "config"), "Labels");
    const told = textIn(labels, CONTENT_KEY)?.split(",") ?? [];
    const keys = told.length === layers.length ? told : [];
    for (const [i, packed] of layers.entries()) {
      if (!packed) continue;
      const own = packed.annotations?.get(CONTENT_KEY) ?? keys[i] ?? "";
      for (const key of [own, packed.diffId]) {
        if (key !== "") this.#layers.set(key, [...(this.#layers.get(key) ?? []), packed]);
      }
    }
  }
}

/** What is there of a layer: nothing of one that lies elsewhere. */
function remoteBlob({ source }: Layer): PackedLayer | undefined {
  return source.kind === "remote" ? source.packed : undefined;
}

async function openedIfUseful(
  { client, reference }: PreviousImage,
  { signal, onUseless }: PreviousOptions,
): Promise<RemoteImages | undefined> {
  try {
    return await readRemoteImages(client, reference, { signal, platform: "all" });
  } catch (error) {
    if (!(error instanceof LaminixError) || !isUseless(error)) throw error;
    if (error.details.status !== 404)
      onUseless?.(`nothing is taken over from ${formatReference(reference)}: ${error.message}`);
    return undefined;
  }
}

/** What is there is no image, or nobody's business; not: the registry does not answer. */
function isUseless({ code, details }: LaminixError): boolean {
  const codes = ["ERR_ARCHIVE", "ERR_DIGEST", "ERR_JSON", "ERR_UNSUPPORTED", "ERR_REGISTRY_AUTH"];
  const { status } = details;
  return (
    codes.includes(code) ||
    (code === "ERR_REGISTRY" && !(typeof status === "number" && isPassingStatus(status)))
  );
}
