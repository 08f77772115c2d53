/** An image in a registry, as the value that images are everywhere here. Of its layers nothing is fetched until it is read. */
import { LaminixError } from "../../errors.js";
import { isArray, type JsonObject } from "../../image/json.js";
import type { Digest } from "../../image/layer.js";
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
import { ImageJson } from "../imageJson.js";
import { forPlatform, hostArchitecture, type Platform, platformName, platformOf } from "../platform.js";
import { formatReference, type ImageReference } from "../reference.js";
import { fetchBlob } from "./blobs.js";
import type { RegistryClient } from "./client.js";
import { type FetchEvent, LayerTurns, RemoteLayer } from "./layer.js";
import { getManifest, type Manifest } from "./manifests.js";

export interface RemoteImageOptions {
  readonly signal?: AbortSignal | undefined;
  /**
   * What the image is to run on. Unless given, an index's image for this machine's architecture, on Linux, is taken,
   * and an image that there is for one platform only.
   */
  readonly platform?: Platform | undefined;
  readonly onFetch?: ((event: FetchEvent) => void) | undefined;
}

export interface RemoteImage {
  readonly manifest: Manifest;
  /** The one that the reference leads to, where it leads to images for several platforms. */
  readonly index: Manifest | undefined;
  readonly platform: Platform;
  readonly configDigest: Digest;
  /** The configuration file. */
  readonly configFile: JsonObject;
  /** The same, byte for byte. */
  readonly configBytes: Buffer;
  /** Bottom first. Layers that are the same are the same object. */
  readonly layers: readonly RemoteLayer[];
}

/** Indexes in one another, at the most; and manifests that are looked into to see what they are for. */
const MAX_DEPTH = 4;
const MAX_LOOKS = 100;
/** Bytes; a larger configuration is none. */
const MAX_CONFIG = 16 << 20;

/**
 * @throws {LaminixError} ERR_ARCHIVE when it is damaged or for other platforms, ERR_DIGEST, ERR_JSON, ERR_UNSUPPORTED,
 *   ERR_REGISTRY, ERR_REGISTRY_AUTH, ERR_REGISTRY_UNREACHABLE
 */
export function openRemoteImage(
  client: RegistryClient,
  reference: ImageReference,
  options: RemoteImageOptions = {},
): Promise<RemoteImage> {
  return new ImageReader(client, reference, options).image();
}

interface Candidate {
  readonly platform: Platform;
  readonly manifest: () => Promise<Manifest>;
}

class ImageReader {
  readonly #client: RegistryClient;
  readonly #reference: ImageReference;
  readonly #options: RemoteImageOptions;
  readonly #name: string;
  readonly #json: ImageJson;
  #looks = 0;

  constructor(client: RegistryClient, reference: ImageReference, options: RemoteImageOptions) {
    this.#client = client;
    this.#reference = reference;
    this.#options = options;
    this.#name = formatReference(reference);
    this.#json = new ImageJson(this.#name, "an image");
  }

  async image(): Promise<RemoteImage> {
    const { digest, tag = "latest" } = this.#reference;
    const first = await this.#get(digest ?? tag);
    if (!this.#isIndex(first)) return this.#read(first, undefined);
    return this.#read(await (await this.#chosen(first)).manifest(), first);
  }

  async #chosen(index: Manifest): Promise<Candidate> {
    const { platform: wanted = { os: "linux", architecture: hostArchitecture() } } = this.#options;
    const candidates = await this.#candidates(index, 0);
    const [chosen] = forPlatform(candidates, wanted);
    if (chosen) return chosen;
    throw this.#otherPlatform(wanted, candidates);
  }

  async #candidates(index: Manifest, depth: number): Promise<Candidate[]> {
    if (depth > MAX_DEPTH) throw this.#json.damaged("its indexes lie in one another too deep");
    const entries = readDescriptors(this.#json, this.#parse(index).get("manifests"), "manifests");
    const candidates: Candidate[] = [];
    for (const entry of entries) {
      if (isAttestation(entry)) continue;
      if (INDEX.test(entry.mediaType)) {
        candidates.push(...(await this.#candidates(await this.#described(entry), depth + 1)));
      } else if (entry.platform) {
        candidates.push({ platform: entry.platform, manifest: () => this.#described(entry) });
      } else {
        const manifest = await this.#described(entry);
        const { file } = await this.#config(this.#parse(manifest));
        candidates.push({ platform: platformOf(file), manifest: () => Promise.resolve(manifest) });
      }
    }
    return candidates;
  }

  async #described({ digest, size }: Descriptor): Promise<Manifest> {
    if (++this.#looks > MAX_LOOKS) throw this.#json.damaged("it lists too many manifests");
    const manifest = await this.#get(digest);
    if (manifest.bytes.length === size) return manifest;
    throw new LaminixError("ERR_DIGEST", `${digest} of ${this.#name} has another size than it should`, {
      details: { digest, expected: size, actual: manifest.bytes.length },
    });
  }

  async #read(manifest: Manifest, index: Manifest | undefined): Promise<RemoteImage> {
    const document = this.#parse(manifest);
    const type = this.#typeOf(manifest);
    if (!MANIFEST.test(type))
      throw this.#unsupported(`is a ${type === "" ? "manifest of no type" : type}`, type);
    const { descriptor, bytes, file } = await this.#config(document);
    const platform = platformOf(file);
    const { platform: wanted } = this.#options;
    if (!index && wanted && forPlatform([{ platform }], wanted).length === 0)
      throw this.#otherPlatform(wanted, [{ platform }]);
    const layers = readDescriptors(this.#json, document.get("layers"), "layers");
    const diffIds = this.#json.diffIds(file, layers.length);
    return {
      manifest,
      index,
      platform,
      configDigest: descriptor.digest,
      configFile: file,
      configBytes: bytes,
      layers: this.#layers(layers, diffIds),
    };
  }

  #layers(blobs: readonly Descriptor[], diffIds: readonly Digest[]): RemoteLayer[] {
    const { onFetch } = this.#options;
    const turns = new LayerTurns();
    const layers = new Map<string, RemoteLayer>();
    return blobs.map((blob, i) => {
      if (!LAYER.test(blob.mediaType))
        throw this.#unsupported(`has a layer of type ${blob.mediaType}`, blob.mediaType);
      const diffId = diffIds[i] ?? blob.digest;
      const key = `${blob.digest} ${diffId}`;
      const { repository } = this.#reference;
      const layer =
        layers.get(key) ??
        new RemoteLayer({ client: this.#client, repository, blob, diffId, onFetch, turns });
      layers.set(key, layer);
      return layer;
    });
  }

  async #config(manifest: JsonObject): Promise<{
    readonly descriptor: Descriptor;
    readonly bytes: Buffer;
    readonly file: JsonObject;
  }> {
    const descriptor = readDescriptor(this.#json, manifest.get("config"), "config");
    const { mediaType, size, digest } = descriptor;
    if (!CONFIG.test(mediaType)) throw this.#unsupported(`has a ${mediaType}, which is no image`, mediaType);
    if (size > MAX_CONFIG) throw this.#json.damaged(`its ${digest} has ${String(size)} bytes`);
    const { signal } = this.#options;
    const pieces: Uint8Array[] = [];
    for await (const piece of fetchBlob(this.#client, this.#reference.repository, descriptor, { signal }))
      pieces.push(piece);
    const bytes = Buffer.concat(pieces);
    return { descriptor, bytes, file: this.#json.object(this.#json.parse(bytes, digest), "configuration") };
  }

  #get(reference: string): Promise<Manifest> {
    const { signal } = this.#options;
    return getManifest(this.#client, this.#reference.repository, reference, { signal });
  }

  #parse({ bytes, digest }: Manifest): JsonObject {
    return this.#json.object(this.#json.parse(bytes, digest), "manifest");
  }

  #isIndex(manifest: Manifest): boolean {
    const type = this.#typeOf(manifest);
    return type === "" ? isArray(this.#parse(manifest).get("manifests")) : INDEX.test(type);
  }

  /** The document's own word is covered by its digest; the header is not. */
  #typeOf(manifest: Manifest): string {
    const own = this.#parse(manifest).get("mediaType");
    return typeof own === "string" && own !== "" ? own : manifest.mediaType;
  }

  #otherPlatform(wanted: Platform, there: readonly { readonly platform: Platform }[]): LaminixError {
    const platforms = [...new Set(there.map(({ platform }) => platformName(platform)))];
    const only = platforms.length === 0 ? "none at all" : `only for ${platforms.join(", ")}`;
    return new LaminixError(
      "ERR_ARCHIVE",
      `${this.#name} has no image for ${platformName(wanted)}, ${only}`,
      {
        details: { reference: this.#name, wanted: platformName(wanted), platforms },
        hint: "name one of these: --os, --arch and --variant",
      },
    );
  }

  #unsupported(what: string, mediaType: string): LaminixError {
    return new LaminixError("ERR_UNSUPPORTED", `${this.#name} ${what}`, {
      details: { reference: this.#name, mediaType },
      hint: "images are read as OCI's manifests and Docker's of schema 2 have them, with layers of gzip, zstd or plain tar",
    });
  }
}
