/** A layer that lies in a registry. */
import { LaminixError } from "../../errors.js";
import type { RandomAccess } from "../../bytes/bytes.js";
import type {
  Encoding,
  LayerDigest,
  LayerOptions,
  Origin,
  PackedLayer,
  StoredOptions,
} from "../../image/layer.js";
import type { Digest } from "../../bytes/digest.js";
import { encodingOf } from "../../manifests/mediaTypes.js";
import { Turns } from "../../threads/turns.js";
import { type Descriptor, missingLayer } from "../../manifests/descriptor.js";
import type { ReadyLayer, StoredDescriptor } from "../../image/storedImage.js";
import { type StoredFile, wholeOf } from "../../files/storedFile.js";
import { StoredLayer } from "../storedLayer.js";
import { spooled } from "../unpack.js";
import type { UnpackBudget } from "../unpackBudget.js";
import { fetchBlob } from "./blobs.js";
import type { RegistryClient } from "./client.js";

/** Bytes of a blob have come. */
export interface FetchEvent {
  readonly digest: Digest;
  readonly received: number;
  /** Of the whole blob. */
  readonly size: number;
}

export interface RemoteLayerOptions {
  readonly client: RegistryClient;
  readonly repository: string;
  readonly blob: Descriptor;
  readonly diffId: Digest;
  readonly onFetch?: ((event: FetchEvent) => void) | undefined;
  /** Shared by an image's layers. */
  readonly turns: LayerTurns;
  /** For what is fetched and unpacked. */
  readonly budget?: UnpackBudget | undefined;
}

/** How many layers are fetched, and how many unpacked, at once. */
export class LayerTurns {
  readonly fetch = new Turns(3);
  readonly unpack = new Turns(1);
}

/**
 * Its blob is fetched when it is first read, and kept in a temporary file; what has been fetched is checked before
 * anything of it is unpacked.
 */
export class RemoteLayer implements ReadyLayer {
  readonly kind = "base";
  readonly sources: readonly string[];
  readonly expected: Digest;
  /** As the manifest has it. */
  readonly blob: Descriptor;
  readonly #origin: Origin;
  readonly #options: RemoteLayerOptions;
  #fetched: { readonly file: StoredFile; readonly layer: StoredLayer } | undefined;

  constructor(options: RemoteLayerOptions) {
    this.#options = options;
    this.blob = options.blob;
    this.expected = options.diffId;
    this.sources = [options.blob.digest];
    this.#origin = { registry: options.client.registry, repository: options.repository };
  }

  /** Fetches and unpacks the layer, since its size is not known before. */
  async diffId(options: LayerOptions = {}): Promise<LayerDigest> {
    return (await this.#local(options)).diffId(options);
  }

  /** @throws {LaminixError} ERR_DIGEST, ERR_ARCHIVE, ERR_REGISTRY, ERR_REGISTRY_AUTH, ERR_REGISTRY_UNREACHABLE */
  async *open(options: LayerOptions = {}): AsyncGenerator<Uint8Array> {
    yield* (await this.#local(options)).open(options);
  }

  /** @throws {LaminixError} as `open` */
  async stored(options: StoredOptions = {}): Promise<RandomAccess> {
    return (await this.#local(options)).stored(options);
  }

  /** Opened, the blob is fetched again; it is checked as it passes. */
  get asStored(): PackedLayer {
    const { digest, size, annotations } = this.blob;
    return {
      ...{ diffId: this.expected, digest, size, annotations, origin: this.#origin },
      open: (options) => this.#openBlob(options),
    };
  }

  packed(encoding: Encoding): PackedLayer | undefined {
    return encodingOf(this.blob.mediaType) === encoding ? this.asStored : undefined;
  }

  descriptor(): Promise<StoredDescriptor> {
    const { mediaType, digest, size } = this.blob;
    return Promise.resolve({ mediaType, digest, size });
  }

  /** Lets go of what was fetched. It is fetched again where that is needed. */
  close(): void {
    this.#fetched?.layer.close();
    this.#fetched?.file.close();
    this.#fetched = undefined;
  }

  async *#openBlob({ signal }: LayerOptions = {}): AsyncGenerator<Uint8Array> {
    const { client, repository, blob } = this.#options;
    try {
      yield* fetchBlob(client, repository, blob, { signal });
    } catch (error) {
      if (!(error instanceof LaminixError) || error.code !== "ERR_REGISTRY") throw error;
      throw missingLayer(blob, `${client.registry}/${repository}`, error);
    }
  }

  async #local({ signal }: LayerOptions): Promise<StoredLayer> {
    const { turns } = this.#options;
    const { layer } = (this.#fetched ??= await turns.fetch.take(async () => {
      signal?.throwIfAborted();
      return this.#fetched ?? (await this.#fetch(signal));
    }));
    return layer;
  }

  async #fetch(
    signal: AbortSignal | undefined,
  ): Promise<{ readonly file: StoredFile; readonly layer: StoredLayer }> {
    const { blob, diffId, turns, onFetch, budget } = this.#options;
    const { digest, size, mediaType } = blob;
    const pieces = this.#openBlob({ signal });
    async function* counted(): AsyncGenerator<Uint8Array> {
      let received = 0;
      for await (const piece of pieces) {
        yield piece;
        received += piece.length;
        onFetch?.({ digest, received, size });
      }
    }
    const name = `${this.#origin.registry}/${this.#origin.repository}`;
    const file = await spooled(name, counted(), budget);
    if (signal?.aborted) {
      // Nobody would close it.
      file.close();
      throw signal.reason;
    }
    const layer = new StoredLayer({
      kind: "base",
      sources: this.sources,
      diffId,
      stored: wholeOf(file),
      mediaType,
      turns: turns.unpack,
      budget,
    });
    return { file, layer };
  }
}
