/** dockerTools' `mergeImages`: several images in one archive. */
import { Readable } from "node:stream";
import { requireStrings, requireFunction, requireOptions, checkGiven } from "../arguments.js";
import { copied, readable } from "../bytes/bytes.js";
import { STORE_TIME } from "../image/time.js";
import { type FinishedImage, writeImages } from "../transports/dockerArchive/write.js";
import { openImages } from "../transports/open.js";
import { isTagged, wholeReference } from "../manifests/reference.js";
import type { ReadyLayer, StoredImage, StoredImages } from "../image/storedImage.js";
import { requireUnpackable, UnpackBudget } from "../transports/unpackBudget.js";
import type { OnProgress } from "../progress.js";

export interface MergeOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** Bytes of images that may go into temporary files, in all; 64 GiB unless given. */
  readonly maxUnpacked?: number | UnpackBudget | undefined;
}

/** Images that are ready to be read as one archive, until they are closed. */
export class MergedImages implements AsyncDisposable {
  /** In the order in which they were given; those that were given several times once. */
  readonly images: readonly { readonly references: readonly string[]; readonly configDigest: string }[];
  readonly #finished: readonly FinishedImage[];
  readonly #layers: readonly ReadyLayer[];
  readonly #sources: readonly StoredImages[];
  readonly #options: MergeOptions;

  /** @internal */
  constructor(sources: readonly StoredImages[], options: MergeOptions) {
    this.#sources = sources;
    this.#options = options;
    const all = sources.flatMap(({ images }) => images);
    // The same image may be there several times.
    const distinct = [...new Map(all.map((image) => [image.configDigest, image])).values()];
    const tags = tagsOf(all, options.onProgress);
    const referencesOf = ({ configDigest }: StoredImage): readonly string[] => tags.get(configDigest) ?? [];
    const layers = new Map<string, ReadyLayer>();
    const known = (layer: ReadyLayer): ReadyLayer => {
      const first = layers.get(layer.expected) ?? layer;
      layers.set(layer.expected, first);
      return first;
    };
    this.#finished = distinct.map((image) => ({
      references: referencesOf(image),
      config: image.configBytes,
      layers: image.layers.map(known),
    }));
    this.#layers = [...layers.values()];
    this.images = distinct.map((image) => ({
      references: referencesOf(image),
      configDigest: image.configDigest,
    }));
  }

  /**
   * The docker-archive, uncompressed, in pieces; each is good until the next one is asked for. What goes wrong ends it
   * before its manifest.
   * @throws {LaminixError} ERR_ARCHIVE, ERR_CLOSED, ERR_DIGEST, ERR_FILE_READ, ERR_FILE_WRITE, ERR_PROGRAM
   */
  pieces(options: MergeOptions = {}): AsyncGenerator<Uint8Array> {
    const { signal = this.#options.signal, onProgress = this.#options.onProgress } = options;
    const layers = this.#layers;
    return writeImages(this.#finished, {
      signal,
      mtime: STORE_TIME,
      onLayer: (index, digest) => {
        layers[index - 1]?.close(); // what was unpacked of it takes room on the disk
        const { kind, sources } = layers[index] ?? { kind: "base", sources: [] };
        onProgress?.({ type: "layer", index, count: layers.length, kind, sources, ...digest });
      },
    });
  }

  /** The docker-archive as a stream whose pieces may be kept. */
  stream(options: MergeOptions = {}): Readable {
    return readable(copied(this.pieces(options)));
  }

  /** May be called again. */
  close(): Promise<void> {
    for (const source of this.#sources) source.close();
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
  requireOptions(options);
  checkGiven(options, "options", { onProgress: requireFunction, maxUnpacked: requireUnpackable });
  const sources: StoredImages[] = [];
  try {
    const { signal, maxUnpacked } = options;
    const opening = { signal, maxUnpacked: UnpackBudget.of(maxUnpacked) };
    for (const path of paths) sources.push(await openImages(path, opening));
    return new MergedImages(sources, options);
  } catch (error) {
    for (const source of sources) source.close();
    throw error;
  }
}

/** Tags by configuration: each belongs to the last image that has it, as when they are loaded one after the other. */
function tagsOf(
  images: readonly StoredImage[],
  onProgress: OnProgress | undefined,
): ReadonlyMap<string, readonly string[]> {
  const warn = (message: string): void => onProgress?.({ type: "warning", message });
  const owners = new Map<string, { readonly reference: string; readonly owner: string }>();
  for (const { configDigest: owner, references } of images) {
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
