/** Images of every kind, as what carries them takes them. */
import { ArgumentError } from "../errors.js";
import type { ManifestFormat } from "../manifests/mediaTypes.js";
import { carriedAsStored, type CarriedImage, carriedImage } from "../manifests/imageContents.js";
import { openImages, type OpenOptions } from "../transports/open.js";
import type { StoredImages } from "../image/storedImage.js";
import { UnpackBudget } from "../transports/unpackBudget.js";
import { BuiltImage } from "./build/builtImage.js";

export interface CarriedImagesOptions extends OpenOptions {
  /** Whose manifests those become that are built here; OCI's unless given. */
  readonly format?: ManifestFormat | undefined;
  /** Whose manifests are passed on as they are. */
  readonly kept: readonly ManifestFormat[];
}

export class CarriedImages implements Disposable {
  readonly images: readonly CarriedImage[];
  readonly #opened: readonly StoredImages[];
  readonly #built: readonly BuiltImage[];

  private constructor(
    images: readonly CarriedImage[],
    opened: readonly StoredImages[],
    built: readonly BuiltImage[],
  ) {
    this.images = images;
    this.#opened = opened;
    this.#built = built;
  }

  /**
   * @param images what `openImages` opens, of which every image is taken, or images that were built here
   * @throws {LaminixError} as `openImages`
   */
  static async of(
    images: readonly (string | BuiltImage)[],
    options: CarriedImagesOptions,
  ): Promise<CarriedImages> {
    const { format, kept } = options;
    const opening = { ...options, maxUnpacked: UnpackBudget.of(options.maxUnpacked) };
    const opened: StoredImages[] = [];
    const all: CarriedImage[] = [];
    try {
      for (const image of images) {
        if (typeof image === "string") {
          const stored = await openImages(image, opening);
          opened.push(stored);
          all.push(...stored.images.map((each) => carriedAsStored(each, each.references, kept)));
        } else all.push(carriedImage(image.image, [image.reference], format));
      }
    } catch (error) {
      for (const each of opened) each.close();
      throw error;
    }
    return new CarriedImages(
      all,
      opened,
      images.filter((image) => image instanceof BuiltImage),
    );
  }

  /** Rejects when store paths of the images may have been collected meanwhile. */
  async check(signal: AbortSignal | undefined): Promise<void> {
    for (const image of this.#built) await image.check(signal);
  }

  /** Closes what was opened for it. May be called again. */
  [Symbol.dispose](): void {
    for (const each of this.#opened) each.close();
  }
}

/** @throws {ArgumentError} ERR_ARGUMENT */
export function checkImages(images: readonly (string | BuiltImage)[]): void {
  if (!Array.isArray(images)) throw new ArgumentError("images", "an array", images);
  for (const [i, image] of images.entries()) {
    if (typeof image !== "string" && !(image instanceof BuiltImage))
      throw new ArgumentError(`images[${String(i)}]`, "a path or a BuiltImage", image);
  }
}
