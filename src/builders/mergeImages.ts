/** dockerTools' `mergeImages`: several images in one archive. */
import type { Readable } from "node:stream";
import { checkGiven, keysOf, requireFunction, requireKnown, requireStrings } from "../arguments.js";
import { copied, readable } from "../bytes/bytes.js";
import type { Digest } from "../bytes/digest.js";
import { STORE_TIME } from "../image/time.js";
import type { OpenedImages } from "../transports/openedImages.js";
import { isTagged, wholeReference } from "../manifests/reference.js";
import { knownConfig, type NamedImage } from "../image/image.js";
import { knownDiffId, type Layer } from "../image/layer.js";
import { warnOfLostMounts } from "./lostMounts.js";
import { openAll } from "./openAll.js";
import { requireUnpackable, type UnpackBudget } from "../transports/unpackBudget.js";
import { type OnProgress, Progress } from "../progress.js";

export interface MergeOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** The most bytes of images in temporary files, in all; default: 64 GiB. */
  readonly maxUnpacked?: number | UnpackBudget | undefined;
}

const KEYS = keysOf<MergeOptions>({
  ...{ signal: true, onProgress: true, maxUnpacked: true },
});

/** Images that are ready to be read as one archive, until they are closed. */
export class MergedImages implements AsyncDisposable {
  /** In the order in which they were given; those that were given several times once. */
  readonly images: readonly { readonly references: readonly string[]; readonly configDigest: string }[];
  readonly #all: readonly NamedImage[];
  readonly #opened: OpenedImages;
  readonly #options: MergeOptions;

  /** @internal */
  constructor(opened: OpenedImages, options: MergeOptions) {
    this.#opened = opened;
    this.#options = options;
    const tags = tagsOf(opened.images, new Progress(options.onProgress));
    const layers = new Map<Digest | undefined, Layer>();
    const known = (layer: Layer): Layer => {
      const diffId = knownDiffId(layer);
      const first = layers.get(diffId) ?? layer;
      layers.set(diffId, first);
      return first;
    };
    // The same image may be there several times.
    const distinct = new Map(opened.images.map(({ image }) => [knownConfig(image).digest, image]));
    this.#all = [...distinct].map(([digest, image]) => ({
      references: tags.get(digest) ?? [],
      image: { ...image, layers: image.layers.map(known) },
    }));
    this.images = this.#all.map(({ image, references }) => ({
      references,
      configDigest: knownConfig(image).digest,
    }));
  }

  /**
   * The docker-archive, uncompressed, in pieces. What goes wrong ends it
   * before its manifest.
   * @throws {LaminixError} ERR_ARCHIVE, ERR_CLOSED, ERR_DIGEST, ERR_FILE_READ, ERR_FILE_WRITE, ERR_PROGRAM
   */
  async *pieces(options: MergeOptions = {}): AsyncGenerator<Uint8Array> {
    const { signal = this.#options.signal, onProgress = this.#options.onProgress } = options;
    const progress = new Progress(onProgress);
    warnOfLostMounts(this.#all, progress);
    const { writeDockerArchives } = await import("../transports/dockerArchive/write.js");
    yield* writeDockerArchives(this.#all, {
      signal,
      mtime: STORE_TIME,
      onLayer: progress.layer,
    });
  }

  /** The docker-archive as a stream whose pieces may be kept. */
  stream(options: MergeOptions = {}): Readable {
    return readable(copied(this.pieces(options)));
  }

  /** Idempotent. */
  close(): Promise<void> {
    this.#opened.close();
    return Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/**
 * Opens images, to be written as one archive that `docker load` takes. Their configurations stay as they are, and with
 * them their IDs; a layer that several have is in it once. A tag that several have is the last one's, and a warning
 * tells of it.
 * @param paths docker-archives and OCI layouts, compressed or not, with any number of images
 * @throws {LaminixError} ERR_ARCHIVE, ERR_DIGEST, ERR_FILE_READ, ERR_FILE_WRITE, ERR_JSON, ERR_PROGRAM,
 *   ERR_UNSUPPORTED
 */
export async function mergeImages(
  paths: readonly string[],
  options: MergeOptions = {},
): Promise<MergedImages> {
  requireStrings(paths, "paths");
  requireKnown(options, KEYS);
  checkGiven(options, "options", { onProgress: requireFunction, maxUnpacked: requireUnpackable });
  const { signal, maxUnpacked } = options;
  return new MergedImages(await openAll(paths, { signal, maxUnpacked }), options);
}

/** Tags by configuration: each belongs to the last image that has it, as when they are loaded one after the other. */
function tagsOf(images: readonly NamedImage[], { warn }: Progress): ReadonlyMap<string, readonly string[]> {
  const owners = new Map<string, { readonly reference: string; readonly owner: string }>();
  for (const { image, references } of images) {
    const owner = knownConfig(image).digest;
    for (const reference of references) {
      const whole = wholeReference(reference);
      const before = owners.get(whole);
      if (!isTagged(reference)) warn(`${reference} is no name with a tag; the image goes without it`);
      else if (before?.owner === owner) continue;
      else {
        if (before) warn(`${reference} is the tag of several images; the last one has it`);
        owners.set(whole, { reference, owner });
      }
    }
  }
  const tags = new Map<string, string[]>();
  for (const { reference, owner } of owners.values())
    tags.set(owner, [...(tags.get(owner) ?? []), reference]);
  return tags;
}
