/**
 * The docker-archive that nixpkgs' image builder writes and `docker load` reads: each layer as `<diffID>/layer.tar`,
 * then the configuration, then `manifest.json`. Format: Docker image specification 1.2, "Combined Image JSON +
 * Filesystem Changeset Format".
 */
import type { BytesOrPart } from "../../files/filePart.js";
import { formatJson, type Json } from "../../bytes/json.js";
import type { ConfigFile, NamedImage } from "../../image/image.js";
import {
  knownDiffId,
  type Layer,
  type LayerDigest,
  type LayerOptions,
  releaseLayer,
} from "../../image/layer.js";
import type { Digest } from "../../bytes/digest.js";
import { OuterArchive } from "../outerArchive.js";

export interface ArchivesOptions {
  readonly signal?: AbortSignal | undefined;
  /** Unix seconds, of the archive's members. */
  readonly mtime: number;
  /** Called when a layer begins to be written. */
  readonly onLayer?: ((layer: Layer, digest: LayerDigest, index: number, count: number) => void) | undefined;
  /** Layers that whoever reads the archive has: they are named in it, and no more. */
  readonly leaveOut?: ReadonlySet<Digest> | undefined;
  /** Called when all but the manifest has been written; what it rejects with keeps the archive from being whole. */
  readonly beforeManifest?: (() => Promise<void>) | undefined;
}

export interface WriteOptions extends ArchivesOptions {
  /**
   * What becomes of the layers of a base image: `normal`, members like all others; `verbatim`, members as they were,
   * name, owner and all, even if they are links.
   */
  readonly baseLayers: "normal" | "verbatim";
}

/** One image, with every layer of it. */
export function writeDockerArchive(named: NamedImage, options: WriteOptions): AsyncGenerator<Uint8Array> {
  return archiveOf(named, options, openBytes);
}

/** The same, with large files as parts, for those who can pass them on. */
export function writeDockerArchiveInParts(
  named: NamedImage,
  options: WriteOptions,
): AsyncGenerator<BytesOrPart> {
  return archiveOf(named, options, (layer, how) => layer.openParts?.(how) ?? layer.open(how));
}

async function* archiveOf<Piece extends BytesOrPart>(
  { image, references }: NamedImage,
  options: WriteOptions,
  open: OpenLayer<Piece>,
): AsyncGenerator<Piece | Uint8Array> {
  const writer = new Writer(options, open);
  const written: WrittenLayer[] = [];
  for await (const step of writer.layers(image.layers, options.baseLayers)) {
    if ("diffId" in step) written.push(step);
    else yield step;
  }
  const config = image.config(written.map(({ diffId }) => diffId));
  yield* writer.end([{ references, config, layers: written.map(({ name }) => name) }]);
}

/** Several images in one archive. A layer that is the same object in several, or several times in one, is written once. */
export async function* writeDockerArchives(
  images: readonly NamedImage[],
  options: ArchivesOptions,
): AsyncGenerator<Uint8Array> {
  const writer = new Writer(options, openBytes);
  const layers = [...new Set(images.flatMap(({ image }) => image.layers))];
  const written = new Map<Layer, WrittenLayer>();
  for await (const step of writer.layers(layers, "normal")) {
    if ("diffId" in step) written.set(step.layer, step);
    else yield step;
  }
  yield* writer.end(
    images.map(({ image, references }) => {
      const own = image.layers.flatMap((layer) => written.get(layer) ?? []);
      const config = image.config(own.map(({ diffId }) => diffId));
      return { references, config, layers: own.map(({ name }) => name) };
    }),
  );
}

interface WrittenLayer {
  readonly layer: Layer;
  readonly diffId: Digest;
  /** Its member. */
  readonly name: string;
}

type OpenLayer<Piece> = (layer: Layer, options: LayerOptions) => AsyncIterable<Piece>;

const openBytes: OpenLayer<Uint8Array> = (layer, options) => layer.open(options);

class Writer<Piece extends BytesOrPart> {
  readonly #options: ArchivesOptions;
  readonly #open: OpenLayer<Piece | Uint8Array>;
  readonly #archive: OuterArchive;

  constructor(options: ArchivesOptions, open: OpenLayer<Piece>) {
    this.#options = options;
    this.#open = open;
    this.#archive = new OuterArchive(options.mtime);
  }

  /** The bytes of one layer after the other, and after each what it was. */
  async *layers(
    layers: readonly Layer[],
    baseLayers: WriteOptions["baseLayers"],
  ): AsyncGenerator<Piece | Uint8Array | WrittenLayer> {
    const { signal, onLayer, leaveOut } = this.#options;
    // Those that are made are all asked for at once, so that later ones are hashed while earlier ones are written. Others
    // may have to be fetched or unpacked for it: of these one at a time lies on the disk.
    const ask = (layer: Layer): Promise<LayerDigest> => layer.diffId({ signal, thenRead: true });
    const pending = layers.map((layer) => (layer.source.kind === "made" ? ask(layer) : undefined));
    for (const each of pending) each?.catch(() => undefined);
    for (const [index, layer] of layers.entries()) {
      signal?.throwIfAborted();
      // What is left out need be neither unpacked nor fetched.
      const diffId = knownDiffId(layer) ?? (await (pending[index] ?? ask(layer))).diffId;
      if (leaveOut?.has(diffId)) {
        yield { layer, diffId, name: memberName(diffId) };
        continue;
      }
      const digest = await (pending[index] ?? ask(layer));
      onLayer?.(layer, digest, index, layers.length);
      const { name, size, header, open } = memberOf(layer, digest, baseLayers, this.#open);
      yield* this.#archive.member(name, size, () => open({ signal }), header);
      releaseLayer(layer);
      yield { layer, diffId, name };
    }
  }

  /** The configurations, and the manifest that makes the archive whole. */
  async *end(
    images: readonly {
      readonly references: readonly string[];
      readonly config: ConfigFile;
      readonly layers: readonly string[];
    }[],
  ): AsyncGenerator<Uint8Array> {
    const manifest: Json[] = [];
    for (const { references, config, layers } of images) {
      const name = `${hexOf(config.digest)}.json`;
      yield this.#archive.file(name, config.bytes);
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

interface LayerMember<Piece> {
  readonly name: string;
  readonly size: number;
  readonly header?: Buffer;
  readonly open: (options: LayerOptions) => AsyncIterable<Piece>;
}

function memberOf<Piece>(
  layer: Layer,
  { diffId, size }: LayerDigest,
  baseLayers: WriteOptions["baseLayers"],
  open: OpenLayer<Piece>,
): LayerMember<Piece | Uint8Array> {
  const { source } = layer;
  if (baseLayers === "verbatim" && source.kind === "stored" && source.member)
    return { ...source.member, open: (options) => source.openStored(options) };
  return { name: memberName(diffId), size, open: (options) => open(layer, options) };
}

function memberName(diffId: Digest): string {
  return `${hexOf(diffId)}/layer.tar`;
}

function hexOf(digest: Digest): string {
  return digest.slice("sha256:".length);
}
