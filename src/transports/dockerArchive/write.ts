/**
 * The docker-archive that nixpkgs' image builder writes and `docker load` reads: each layer as `<diffID>/layer.tar`,
 * then the configuration, then `manifest.json`. Format: Docker image specification 1.2, "Combined Image JSON +
 * Filesystem Changeset Format".
 */
import { createHash } from "node:crypto";
import { configFile, type Image } from "../../image/image.js";
import { formatJson, type Json } from "../../bytes/json.js";
import type { Layer, LayerDigest, LayerOptions } from "../../image/layer.js";
import type { Digest } from "../../bytes/digest.js";
import { OuterArchive } from "../outerArchive.js";
import { StoredLayer } from "../storedLayer.js";

interface CommonOptions {
  readonly signal?: AbortSignal | undefined;
  /** Unix seconds, of the archive's members. */
  readonly mtime: number;
  /** Called when a layer begins to be written. */
  readonly onLayer?: (index: number, digest: LayerDigest) => void;
  /** Layers that whoever reads the archive has: they are named in it, and no more. */
  readonly leaveOut?: ReadonlySet<Digest> | undefined;
  /** Called when all but the manifest has been written; what it rejects with keeps the archive from being whole. */
  readonly beforeManifest?: () => Promise<void>;
}

export interface WriteOptions extends CommonOptions {
  /** `name:tag`, as the engine will call the image. */
  readonly references: readonly string[];
  /**
   * What becomes of the layers of a base image: `normal`, members like all others; `verbatim`, members as they were,
   * name, owner and all, even if they are links.
   */
  readonly baseLayers: "normal" | "verbatim";
}

/** The archive. */
export async function* writeDockerArchive(image: Image, options: WriteOptions): AsyncGenerator<Uint8Array> {
  const { references, baseLayers } = options;
  const writer = new Writer(options);
  const written: WrittenLayer[] = [];
  for await (const step of writer.layers(image.layers, baseLayers)) {
    if (step instanceof Uint8Array) yield step;
    else written.push(step);
  }
  const config = Buffer.from(
    configFile(
      image,
      written.map(({ diffId }) => diffId),
    ),
  );
  yield* writer.end([{ references, config, layers: written.map(({ name }) => name) }]);
}

/** An image whose configuration is there already. */
export interface FinishedImage {
  readonly references: readonly string[];
  readonly config: Buffer;
  /** Bottom first. */
  readonly layers: readonly Layer[];
}

/** Several images in one archive. A layer that is the same object in several is written once. */
export async function* writeImages(
  images: readonly FinishedImage[],
  options: CommonOptions,
): AsyncGenerator<Uint8Array> {
  const writer = new Writer(options);
  const layers = [...new Set(images.flatMap((image) => image.layers))];
  const names = new Map<Layer, string>();
  for await (const step of writer.layers(layers, "normal")) {
    if (step instanceof Uint8Array) yield step;
    else names.set(step.layer, step.name);
  }
  yield* writer.end(
    images.map((image) => ({ ...image, layers: image.layers.map((layer) => names.get(layer) ?? "") })),
  );
}

interface WrittenLayer {
  readonly layer: Layer;
  readonly diffId: Digest;
  /** Its member. */
  readonly name: string;
}

class Writer {
  readonly #options: CommonOptions;
  readonly #archive: OuterArchive;

  constructor(options: CommonOptions) {
    this.#options = options;
    this.#archive = new OuterArchive(options.mtime);
  }

  /** The bytes of one layer after the other, and after each what it was. */
  async *layers(
    layers: readonly Layer[],
    baseLayers: WriteOptions["baseLayers"],
  ): AsyncGenerator<Uint8Array | WrittenLayer> {
    const { signal, onLayer, leaveOut } = this.#options;
    // All are asked for at once, so that later layers are hashed while earlier ones are written; but those that have to
    // be unpacked for it are not, so that they need not all lie on the disk.
    const ask = (layer: Layer): Promise<LayerDigest> => layer.diffId({ signal, thenRead: true });
    const isLeftOut = ({ expected }: Layer): boolean =>
      expected !== undefined && leaveOut?.has(expected) === true;
    const pending = layers.map((layer) =>
      layer instanceof StoredLayer || isLeftOut(layer) ? undefined : ask(layer),
    );
    for (const each of pending) each?.catch(() => undefined);
    for (const [index, layer] of layers.entries()) {
      signal?.throwIfAborted();
      const asked = pending[index];
      // What is left out need be neither unpacked nor fetched.
      const diffId = layer.expected ?? (await (asked ?? ask(layer))).diffId;
      if (leaveOut?.has(diffId)) {
        yield { layer, diffId, name: memberName(diffId) };
        continue;
      }
      const digest = await (asked ?? ask(layer));
      onLayer?.(index, digest);
      const { name, size, header, open } = memberOf(layer, digest, baseLayers);
      yield* this.#archive.member(name, size, () => open({ signal }), header);
      yield { layer, diffId, name };
    }
  }

  /** The configurations, and the manifest that makes the archive whole. */
  async *end(
    images: readonly {
      readonly references: readonly string[];
      readonly config: Buffer;
      readonly layers: readonly string[];
    }[],
  ): AsyncGenerator<Uint8Array> {
    const manifest: Json[] = [];
    for (const { references, config, layers } of images) {
      const name = `${sha256(config)}.json`;
      yield this.#archive.file(name, config);
      manifest.push(
        new Map<string, Json>([
          ["Config", name],
          ["RepoTags", references],
          ["Layers", layers],
        ]),
      );
    }
    this.#options.signal?.throwIfAborted();
    await this.#options.beforeManifest?.();
    yield this.#archive.file("manifest.json", Buffer.from(formatJson(manifest, 4)));
    yield this.#archive.end();
  }
}

interface LayerMember {
  readonly name: string;
  readonly size: number;
  readonly header?: Buffer;
  readonly open: (options: LayerOptions) => AsyncIterable<Uint8Array>;
}

function memberOf(
  layer: Layer,
  { diffId, size }: LayerDigest,
  baseLayers: WriteOptions["baseLayers"],
): LayerMember {
  if (baseLayers === "verbatim" && layer instanceof StoredLayer && layer.member) {
    return { ...layer.member, open: (options) => layer.openStored(options) };
  }
  return { name: memberName(diffId), size, open: (options) => layer.open(options) };
}

function memberName(diffId: Digest): string {
  return `${diffId.slice("sha256:".length)}/layer.tar`;
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
