/** Images of every kind as the one value: those that were built, and those that lie somewhere. */
import { ArgumentError } from "../errors.js";
import { toldStorePaths } from "../image/history.js";
import { type Image, knownConfig, type NamedImage } from "../image/image.js";
import type { Layer } from "../image/layer.js";
import { chosenPlatform } from "../manifests/platform.js";
import { MANIFEST_FORMATS, type ManifestFormat, MEDIA_TYPES } from "../manifests/mediaTypes.js";
import type { OpenOptions } from "../transports/open.js";
import { OpenedImages } from "../transports/openedImages.js";
import { UnpackBudget } from "../transports/unpackBudget.js";
import { BuiltImage } from "./build/builtImage.js";

export interface OpenAllOptions extends OpenOptions {
  /** Whose manifests those become that are built here; OCI's unless given. */
  readonly format?: ManifestFormat | undefined;
  /** Whose manifests are passed on as they are; all unless given. */
  readonly kept?: readonly ManifestFormat[] | undefined;
}

/**
 * @param images what `openImages` opens, of which every image is taken, or images that were built here
 * @throws {LaminixError} as `openImages`; ERR_ARCHIVE where one was built for another platform than the one that has to be
 */
export async function openAll(
  images: readonly (string | BuiltImage)[],
  { format, kept = MANIFEST_FORMATS, ...options }: OpenAllOptions,
): Promise<OpenedImages> {
  const opening = { ...options, maxUnpacked: UnpackBudget.of(options.maxUnpacked) };
  const opened: OpenedImages[] = [];
  const all: NamedImage[] = [];
  try {
    for (const each of images) {
      if (typeof each === "string") {
        const { openImages } = await import("../transports/open.js");
        const own = await openImages(each, opening);
        opened.push(own);
        for (const { image, references } of own.images)
          all.push({ image: tellingLayers(keepingManifest(image, kept)), references });
      } else {
        const { image, reference } = each;
        chosenPlatform([image], options, reference);
        all.push({ image: await described(image, format), references: [reference] });
      }
    }
    return new OpenedImages(all, opened);
  } catch (error) {
    for (const each of opened) each.close();
    throw error;
  }
}

/** Its layers are those of an image that is carried, and tell what its history tells of them. */
function tellingLayers(image: Image): Image {
  const told = toldStorePaths(knownConfig(image).json, image.layers);
  const layers = image.layers.map((layer, i): Layer => ({
    ...layer,
    kind: "image",
    sources: told[i] ?? layer.sources,
  }));
  return { ...image, layers };
}

/** Docker's manifests have no annotations, so the configuration has the layers' content keys. */
async function described(image: Image, format: ManifestFormat | undefined): Promise<Image> {
  if (format !== "docker") return image;
  return (await import("../image/describedImage.js")).withContentKeys(image);
}

/**
 * The image with its manifest, with which every blob of it is passed on as it is, only where that is of such a format.
 * @param formats whose manifests are passed on
 */
function keepingManifest(image: Image, formats: readonly ManifestFormat[]): Image {
  const isKept = formats.some((format) => MEDIA_TYPES[format].manifest === image.manifest?.mediaType);
  return isKept ? image : { ...image, manifest: undefined };
}

/** Rejects when store paths of the images may have been collected meanwhile. */
export async function checkRoots(
  images: readonly (string | BuiltImage)[],
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const image of images) if (typeof image !== "string") await image.check(signal);
}

/** @throws {ArgumentError} ERR_ARGUMENT */
export function requireImage(value: unknown, argument: string): void {
  if (typeof value !== "string" && !BuiltImage.is(value))
    throw new ArgumentError(argument, "a path or a BuiltImage", value);
}

/** @throws {ArgumentError} ERR_ARGUMENT */
export function requireImages(images: readonly unknown[]): void {
  if (!Array.isArray(images)) throw new ArgumentError("images", "an array", images);
  for (const [i, image] of images.entries()) requireImage(image, `images[${String(i)}]`);
}
