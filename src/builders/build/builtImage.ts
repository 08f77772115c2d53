/** What the builders make: an image that is ready to be read. */
import type { Readable } from "node:stream";
import { keysOf, requireKnown } from "../../arguments.js";
import type { Compressor, GzipEncoder } from "../../compress/compressors.js";
import type { Descriptor } from "../../image/descriptor.js";
import type { Image, NamedImage } from "../../image/image.js";
import type { Encoding } from "../../image/layer.js";
import type { Digest } from "../../bytes/digest.js";
import { copied, readable } from "../../bytes/bytes.js";
import type { BytesOrPart } from "../../files/filePart.js";
import type { ContentsOptions } from "../../manifests/imageContents.js";
import type { WriteOptions } from "../../transports/dockerArchive/write.js";
import type { LayoutWriteOptions } from "../../transports/ociLayout/options.js";
import type { LayoutFolder } from "../../transports/ociLayout/layoutFolder.js";
import { type BuildOptions, digestCacheOf } from "../../planning/buildOptions.js";
import type { PreviousImage } from "../../planning/imageAtDestination.js";
import type { PlannedLayer } from "../../planning/plan.js";
import type { Prepared } from "../../planning/prepare.js";
import { Progress } from "../../progress.js";
import type { Closure } from "../../store/closure.js";
import { warnOfLostMounts } from "../lostMounts.js";

/** `docker load` takes the first; skopeo, podman and what else knows OCI layouts take the second. */
export type ArchiveFormat = "docker-archive" | "oci-archive";

export interface ReadOptions extends Pick<BuildOptions, "signal" | "onProgress"> {
  /** Threads that compress layers, at the most; as the image was built with unless given. */
  readonly jobs?: number | undefined;
}

export interface PiecesOptions extends ReadOptions {
  /** Default: docker-archive. */
  readonly format?: ArchiveFormat | undefined;
  /** Called before the end of an oci-archive with the digest of the image's manifest. */
  readonly onDigest?: (digest: Digest) => void;
}

const READ_KEYS = keysOf<ReadOptions>({ signal: true, onProgress: true, jobs: true });
const PIECES_KEYS = [...READ_KEYS, "format", "onDigest"];

/** How layers are packed where manifests lead to them. */
export type Packing = Pick<ContentsOptions, "encoding" | "level" | "encoder" | "cache" | "jobs"> & {
  readonly signal: AbortSignal | undefined;
};

/** An image that is ready to be read. Its store paths are protected from garbage collection until it is closed. */
export class BuiltImage implements AsyncDisposable {
  readonly image: Image;
  readonly imageName: string;
  readonly imageTag: string;
  /** The layers of store paths, bottom first; none where the image has one layer of everything. */
  readonly layers: readonly PlannedLayer[];
  /** Every store path that the image refers to, whether it has them or a container is to mount them. */
  readonly closure: Closure;
  readonly passthru: Readonly<Record<string, unknown>>;
  /**
   * The image that its layers were planned after, where that was looked for (`previousAt`); `null` where there was none to
   * plan after.
   */
  readonly previous: PreviousImage | null | undefined;
  /** How a file with its archive is to be compressed, as the spec says. */
  readonly compressor: Compressor;
  /** How its layers are compressed in OCI layouts, as the spec says. */
  readonly layerCompression: Encoding;
  readonly #level: number | undefined;
  readonly #encoder: GzipEncoder;
  readonly #prepared: Prepared;
  readonly #options: BuildOptions;

  /** @internal */
  constructor(made: {
    readonly prepared: Prepared;
    readonly image: Image;
    readonly imageTag: string;
    readonly layers: readonly PlannedLayer[];
    readonly options: BuildOptions;
  }) {
    const { spec, closure } = made.prepared;
    this.image = made.image;
    this.imageName = spec.name.toLowerCase();
    this.imageTag = made.imageTag;
    this.layers = made.layers;
    this.closure = closure;
    this.passthru = spec.passthru;
    this.previous = made.prepared.previous;
    this.compressor = spec.compressor;
    this.layerCompression = spec.layerCompression;
    this.#level = spec.layerCompressionLevel ?? undefined;
    this.#encoder = spec.layerEncoder;
    this.#prepared = made.prepared;
    this.#options = made.options;
  }

  /**
   * Whether a caller's value is one.
   * @internal
   */
  static is(value: unknown): value is BuiltImage {
    return typeof value === "object" && value !== null && #prepared in value;
  }

  /** `name:tag`. */
  get reference(): string {
    return `${this.imageName}:${this.imageTag}`;
  }

  /**
   * The archive, uncompressed, in pieces; each is good until the next one is asked for. What goes wrong ends it before
   * its manifest or index, so that half an archive is never taken for a whole one.
   * @throws {LaminixError} ERR_FILE_CHANGED, ERR_FILE_READ, ERR_NAR, ERR_NAR_HASH, ERR_PATH_NOT_VALID; for an oci-archive
   *   ERR_ADDON_MISSING, and ERR_FILE_WRITE for temporary files
   */
  async *pieces(options: PiecesOptions = {}): AsyncGenerator<Uint8Array> {
    requireKnown(options, PIECES_KEYS);
    if (options.format === "oci-archive") {
      const { writeOciArchive } = await import("../../transports/ociLayout/writeArchive.js");
      yield* writeOciArchive([this.#named], {
        ...this.#layoutOptions(options),
        mtime: this.#prepared.mtime,
        onTargets: ([target]) => {
          if (target) options.onDigest?.(target.digest);
        },
      });
      return;
    }
    const { writeDockerArchive } = await import("../../transports/dockerArchive/write.js");
    yield* writeDockerArchive(this.#named, this.#archiveOptions(options));
  }

  /**
   * A docker-archive with large files as parts, for those who can pass them on.
   * @throws {LaminixError} as `pieces`
   * @internal
   */
  async *parts(options: ReadOptions): AsyncGenerator<BytesOrPart> {
    const { writeDockerArchiveInParts } = await import("../../transports/dockerArchive/write.js");
    yield* writeDockerArchiveInParts(this.#named, this.#archiveOptions(options));
  }

  /** The archive as a stream whose pieces may be kept. */
  stream(options: PiecesOptions = {}): Readable {
    return readable(copied(this.pieces(options)));
  }

  /**
   * Writes the image into the folder of an OCI layout. A new folder is there whole or not at all; to a layout that is
   * there already the image is added, in place of one of the same name.
   * @returns the manifest's digest, and the bytes of the image's blobs together
   * @throws {LaminixError} ERR_FILE_WRITE, also where something else than a layout is there; and as reading the image does
   */
  async writeLayout(
    folder: string,
    options: ReadOptions = {},
  ): Promise<{ readonly digest: Digest; readonly size: number }> {
    requireKnown(options, READ_KEYS);
    const { LayoutFolder } = await import("../../transports/ociLayout/layoutFolder.js");
    await using layout = await LayoutFolder.at(folder);
    return await this.writeTo(layout, options);
  }

  /** @internal */
  async writeTo(
    layout: LayoutFolder,
    options: ReadOptions = {},
  ): Promise<{ readonly digest: Digest; readonly size: number }> {
    const { writeOciFolder } = await import("../../transports/ociLayout/writeFolder.js");
    const { targets, size } = await writeOciFolder(layout, [this.#named], this.#layoutOptions(options));
    const [target] = targets as readonly [Descriptor];
    return { digest: target.digest, size };
  }

  /**
   * How its layers are packed, as it was built.
   * @internal
   */
  packing(options: ReadOptions = {}): Packing {
    const { signal = this.#options.signal, jobs = this.#options.jobs } = options;
    const cache = digestCacheOf(this.#options);
    const packing = { encoding: this.layerCompression, level: this.#level, encoder: this.#encoder };
    return { signal, jobs, cache, ...packing };
  }

  /**
   * Rejects when store paths may have been collected meanwhile.
   * @internal
   */
  async check(signal: AbortSignal | undefined = this.#options.signal): Promise<void> {
    await this.#prepared.check(signal);
  }

  get #named(): NamedImage {
    return { image: this.image, references: [this.reference] };
  }

  #archiveOptions(options: ReadOptions): WriteOptions {
    const { signal = this.#options.signal } = options;
    const progress = this.#progress(options);
    warnOfLostMounts([this], progress);
    return {
      signal,
      mtime: this.#prepared.mtime,
      baseLayers: "normal",
      onLayer: progress.layer,
      beforeManifest: () => this.check(signal),
    };
  }

  #layoutOptions(options: ReadOptions): LayoutWriteOptions {
    const packing = this.packing(options);
    return {
      ...packing,
      onLayer: this.#progress(options).layer,
      beforeIndex: () => this.check(packing.signal),
    };
  }

  #progress({ onProgress }: ReadOptions): Progress {
    return onProgress ? new Progress(onProgress) : this.#prepared.progress;
  }

  /** Releases the store paths to the garbage collector. Idempotent. */
  async close(): Promise<void> {
    await this.#prepared[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
