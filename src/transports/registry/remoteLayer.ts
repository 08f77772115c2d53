/** A layer that lies in a registry. */
import { counted } from "../../bytes/bytes.js";
import { LaminixError } from "../../errors.js";
import type { Digest } from "../../bytes/digest.js";
import { requireDigest } from "../../bytes/digest.js";
import { type StoredFile, wholeOf } from "../../files/storedFile.js";
import type { Descriptor } from "../../image/descriptor.js";
import type { Layer, LayerOptions, PackedLayer } from "../../image/layer.js";
import { isForeign, missingLayer } from "../../manifests/descriptor.js";
import { encodingOf } from "../../manifests/mediaTypes.js";
import type { Unpacking } from "../plainTar.js";
import { compressionOf, spooled, unpackedLayer } from "../unpack.js";
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
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
  readonly onFetch?: ((event: FetchEvent) => void) | undefined;
  /** Shared by an image's layers. */
  readonly unpacking: Unpacking;
}

/**
 * Its blob is fetched when it is first read, and what has been fetched is checked before anything of it is unpacked; the
 * uncompressed tar is kept in a temporary file.
 */
export function remoteLayer(options: RemoteLayerOptions): Layer {
  const { client, repository, descriptor, diffId, unpacking, onFetch } = options;
  const { budget } = unpacking;
  const { digest, mediaType, size } = descriptor;
  const where = `${client.registry}/${repository}`;
  const name = `the layer ${digest} in ${where}`;
  async function* open({ signal }: LayerOptions = {}): AsyncGenerator<Uint8Array> {
    try {
      yield* fetchBlob(client, repository, descriptor, { signal });
    } catch (error) {
      if (!(error instanceof LaminixError) || error.code !== "ERR_REGISTRY") throw error;
      throw missingLayer(descriptor, where, error);
    }
  }
  const onCount = (received: number): void => onFetch?.({ digest, received, size });
  const unpack = async (signal: AbortSignal | undefined): Promise<StoredFile> => {
    const fetched = await spooled(where, counted(open({ signal }), onCount), budget);
    let isPlain = false;
    try {
      const whole = wholeOf(fetched);
      const compression = compressionOf(whole, { name, mediaType });
      isPlain = compression === "none";
      if (!isPlain) return await unpackedLayer(whole, compression, { name, diffId, signal, budget });
      requireDigest(name, diffId, digest);
      return fetched;
    } catch (error) {
      fetched.close();
      throw error;
    } finally {
      if (!isPlain) fetched.close();
    }
  };
  const tar = unpacking.add({ name, diffId, plain: () => undefined, unpack });
  const packed: PackedLayer = {
    ...descriptor,
    diffId,
    encoding: encodingOf(mediaType),
    origin: { registry: client.registry, repository },
    open,
  };
  const existing = { diffId, packed, access: tar.access.bind(tar), release: tar.release.bind(tar) };
  return {
    kind: "base",
    sources: [digest],
    source: isForeign(descriptor)
      ? { ...existing, kind: "foreign", urls: descriptor.urls ?? [] }
      : { ...existing, kind: "remote" },
    diffId: tar.digest.bind(tar),
    open: tar.open.bind(tar),
  };
}
