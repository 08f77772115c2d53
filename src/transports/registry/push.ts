/**
 * Sends images to a repository: what it lacks, and nothing else. Blobs come before the manifests that name them, and a
 * tag comes last, so that whatever fails leaves no tag that leads to half an image.
 */
import { abortScope } from "../../abort.js";
import { LaminixError } from "../../errors.js";
import type { Descriptor } from "../../image/descriptor.js";
import type { Layer, LayerDigest } from "../../image/layer.js";
import type { Digest } from "../../bytes/digest.js";
import { once } from "../../bytes/bytes.js";
import { Turns } from "../../threads/turns.js";
import { INDEX, MANIFEST } from "../../manifests/descriptor.js";
import { type ContentsOptions, type Entry, ImageContents } from "../../manifests/imageContents.js";
import type { LayerBlob } from "../../manifests/blob.js";
import { layersAtOnce } from "../layersAtOnce.js";
import type { Document } from "../../manifests/manifestDocuments.js";
import type { ImageReference } from "../../manifests/reference.js";
import { hasBlob } from "./blobs.js";
import type { RegistryClient } from "./client.js";
import { takesNoOci } from "./manifestRefusal.js";
import { putManifest } from "./manifests.js";
import { PreviousLayers } from "./previous.js";
import { LayerSender, type PushedLayer, type PushEvent } from "./sendLayer.js";
import { uploadBlob } from "./upload.js";

export interface PushOptions extends Omit<ContentsOptions, "find"> {
  readonly client: RegistryClient;
  readonly repository: string;
  readonly tags: readonly string[];
  /** What is believed to be there. */
  readonly previous?: PreviousLayers | undefined;
  /** Layers are made in spite of it, and must come to the same. */
  readonly verify?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onPush?: ((event: PushEvent, index: number, count: number) => void) | undefined;
  /** Called when all but the manifests has been sent; what it rejects with keeps the tags as they were. */
  readonly beforeManifest?: (() => Promise<void>) | undefined;
}

export interface Pushed {
  /** What the tags lead to now. */
  readonly target: Descriptor;
  /** Bottom first; of several images one after the other, each layer once. */
  readonly layers: readonly PushedLayer[];
  /** Bytes of layers and documents. */
  readonly size: number;
  /** Bytes of these that were sent. */
  readonly sent: number;
}

/**
 * @throws {LaminixError} ERR_REGISTRY, ERR_REGISTRY_AUTH, ERR_REGISTRY_UNREACHABLE, ERR_ADDON_MISSING,
 *   ERR_DIGEST, also when `verify` finds that what is there is something else; and what reading the layers throws
 */
export async function push(entry: Entry, options: PushOptions): Promise<Pushed> {
  const { previous } = options;
  const believing = new Push(entry, options);
  try {
    return await believing.run();
  } catch (error) {
    // What an image that was there before names may be gone nevertheless.
    if (!previous || previous.isEmpty || !mayBeMissing(error) || takesNoOci(error)) throw error;
    const pushed = await new Push(entry, { ...options, previous: undefined }).run();
    return { ...pushed, sent: pushed.sent + believing.sent };
  }
}

/** Registries have several codes for a manifest of which a blob is not there, but these statuses only. */
function mayBeMissing(error: unknown): boolean {
  return (
    error instanceof LaminixError &&
    error.code === "ERR_REGISTRY" &&
    [400, 404].includes(Number(error.details.status))
  );
}

/** Blobs that need not be compressed and are sent at once. */
const UPLOADS = 4;

class Push {
  /** Bytes, so far. */
  sent = 0;
  readonly #entry: Entry;
  readonly #options: PushOptions;
  readonly #here: ImageReference;
  readonly #previous: PreviousLayers;

  constructor(entry: Entry, options: PushOptions) {
    this.#entry = entry;
    this.#options = options;
    this.#here = { registry: options.client.registry, repository: options.repository };
    this.#previous = options.previous ?? new PreviousLayers();
  }

  async run(): Promise<Pushed> {
    const { verify = false, beforeManifest } = this.#options;
    const previous = this.#previous;
    using contents = new ImageContents([this.#entry], {
      ...this.#options,
      find: verify ? undefined : (layer, encoding) => previous.find(layer, encoding),
    });
    requireDistributable(contents.blobs);
    using scope = abortScope(this.#options.signal);
    const layers = await this.#layers(contents, scope);
    const { all, targets } = contents.documents(layers);
    const [{ digest }] = targets as readonly [Descriptor];
    const root = all.find(({ descriptor }) => descriptor.digest === digest) as Document;
    for (const document of all) if (document !== root) await this.#add(document, scope.signal);
    await beforeManifest?.();
    await this.#tag(root, scope.signal);
    const sizes = new Map([...layers, ...all].map(({ descriptor }) => [descriptor.digest, descriptor.size]));
    const size = [...sizes.values()].reduce((sum, each) => sum + each, 0);
    return { target: root.descriptor, layers, size, sent: this.sent };
  }

  async #layers(
    { blobs }: ImageContents,
    scope: { readonly signal: AbortSignal; abort(reason: unknown): void },
  ): Promise<PushedLayer[]> {
    const { client, repository, jobs, onPush } = this.#options;
    const { signal } = scope;
    const uploads = new Turns(UPLOADS);
    const isThere = (digest: Digest): boolean => this.#previous.has(this.#here, digest);
    const senders = blobs.map((blob, index) => {
      const tell = (event: PushEvent): void => onPush?.(event, index, blobs.length);
      return new LayerSender(blob, { client, repository, isThere, uploads, signal, onPush: tell });
    });
    const begun = layersAtOnce(
      blobs,
      async ({ layer }, plain, index) => {
        this.#verify(layer, plain);
        return (senders[index] as LayerSender).begin(plain);
      },
      { signal, jobs },
    );
    // What can be told without a layer being made is found out at once.
    for (const [i, blob] of blobs.entries())
      if (blob.kind !== "plain") void senders[i]?.look().catch(() => undefined);
    const done = begun.map(async (work) => (await work())());
    try {
      return await Promise.all(done);
    } catch (error) {
      scope.abort(error);
      await Promise.allSettled(done);
      throw error;
    } finally {
      this.sent += senders.reduce((sum, { sent }) => sum + sent, 0);
    }
  }

  /** @throws {LaminixError} ERR_DIGEST */
  #verify(layer: Layer, { diffId }: LayerDigest): void {
    const { verify = false, encoding } = this.#options;
    const told = verify ? this.#previous.find(layer, encoding) : undefined;
    if (!told || told.diffId === diffId) return;
    const { registry, repository } = told.origin ?? this.#here;
    throw new LaminixError(
      "ERR_DIGEST",
      `a layer of ${registry}/${repository} is not what it is said to be`,
      {
        details: { paths: layer.sources, digest: told.digest, expected: diffId, actual: told.diffId },
        hint: "somebody has put another layer there under the same key; --no-registry-cache pushes without believing it",
      },
    );
  }

  /** A configuration, or a manifest that an index names. */
  async #add({ descriptor, bytes }: Document, signal: AbortSignal): Promise<void> {
    const { client, repository } = this.#options;
    const { digest, size, mediaType } = descriptor;
    if (this.#previous.has(this.#here, digest)) return;
    if (isManifest(mediaType))
      await putManifest(client, repository, digest, { mediaType, bytes }, { signal });
    else if (await hasBlob(client, repository, digest, { signal })) return;
    else await uploadBlob(client, repository, { digest, size, open: () => once(bytes) }, { signal });
    this.sent += size;
  }

  async #tag({ descriptor, bytes }: Document, signal: AbortSignal): Promise<void> {
    const { client, repository, tags } = this.#options;
    const { mediaType, digest, size } = descriptor;
    for (const tag of tags) {
      if (this.#previous.leadsTo({ ...this.#here, tag }, digest)) continue;
      await putManifest(client, repository, tag, { mediaType, bytes }, { signal });
      this.sent += size;
    }
  }
}

/**
 * The manifest of an image is passed on with layers that lie elsewhere, but not these (OCI image-spec, layer.md,
 * "Non-Distributable Layers").
 * @throws {LaminixError} ERR_UNSUPPORTED for one that would be sent as another layer
 */
export function requireDistributable(blobs: readonly LayerBlob[]): void {
  for (const { kind, layer } of blobs) {
    const { source } = layer;
    if (kind === "foreign" || source.kind !== "foreign" || source.urls.length === 0) continue;
    const { packed, urls } = source;
    throw new LaminixError("ERR_UNSUPPORTED", `${packed.digest} is a non-distributable layer`, {
      details: { digest: packed.digest, mediaType: packed.mediaType, urls },
      hint: "push the image with the manifest that it has, which says where the layer lies: leave --layer-compression and --manifest-format out",
    });
  }
}

function isManifest(mediaType: string): boolean {
  return MANIFEST.test(mediaType) || INDEX.test(mediaType);
}
