/** What the builders make: an image that is ready to be read. */
import { Readable } from "node:stream";
import type { Compressor } from "../compress/compress.js";
import type { Image } from "../image/image.js";
import type { Layer } from "../image/layer.js";
import { copied } from "../image/pieces.js";
import { writeDockerArchive } from "../transports/dockerArchive/write.js";
import type { BuildOptions } from "./buildOptions.js";
import type { ImageParts, PlannedLayer } from "./plan.js";
import type { ResolvedSpec } from "./spec.js";

/** An image that is ready to be read. It holds its store paths against the garbage collector until it is closed. */
export class BuiltImage implements AsyncDisposable {
  readonly image: Image;
  readonly imageName: string;
  readonly imageTag: string;
  /** The layers of store paths, bottom first; none where the image has one layer of everything. */
  readonly layers: readonly PlannedLayer[];
  readonly passthru: Readonly<Record<string, unknown>>;
  /** How a file with its archive is to be compressed, as the spec says. */
  readonly compressor: Compressor;
  readonly #mtime: number;
  readonly #parts: ImageParts;
  readonly #options: BuildOptions;

  /** @internal */
  constructor(made: {
    readonly spec: ResolvedSpec;
    readonly image: Image;
    readonly imageTag: string;
    /** Unix seconds. */
    readonly mtime: number;
    readonly layers: readonly PlannedLayer[];
    readonly parts: ImageParts;
    readonly options: BuildOptions;
  }) {
    this.image = made.image;
    this.imageName = made.spec.name.toLowerCase();
    this.imageTag = made.imageTag;
    this.layers = made.layers;
    this.passthru = made.spec.passthru;
    this.compressor = made.spec.compressor;
    this.#mtime = made.mtime;
    this.#parts = made.parts;
    this.#options = made.options;
  }

  /**
   * The docker-archive, uncompressed, in pieces; each is good until the next one is asked for. What goes wrong ends it
   * before its manifest, so that half an archive is never taken for a whole one.
   * @throws {LaminixError} ERR_FILE_CHANGED, ERR_FILE_READ, ERR_NAR, ERR_NAR_HASH, ERR_PATH_NOT_VALID
   */
  pieces(options: Pick<BuildOptions, "signal" | "onProgress"> = {}): AsyncGenerator<Uint8Array> {
    const { signal = this.#options.signal, onProgress = this.#options.onProgress } = options;
    const { layers } = this.image;
    return writeDockerArchive(this.image, {
      signal,
      references: [`${this.imageName}:${this.imageTag}`],
      mtime: this.#mtime,
      baseLayers: "normal",
      onLayer: (index, digest) => {
        const { kind, sources } = layers[index] as Layer;
        onProgress?.({ type: "layer", index, count: layers.length, kind, sources, ...digest });
      },
      beforeManifest: async () => {
        for (const roots of this.#parts.roots) await roots.check({ signal });
      },
    });
  }

  /** The docker-archive as a stream whose pieces may be kept. */
  stream(options: Pick<BuildOptions, "signal" | "onProgress"> = {}): Readable {
    return Readable.from(copied(this.pieces(options)), { objectMode: false });
  }

  /** Lets the garbage collector have the store paths. May be called again. */
  async close(): Promise<void> {
    this.#parts.base?.[Symbol.dispose]();
    await this.#parts[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
