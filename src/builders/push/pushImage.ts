/** An image into a registry, which gets what it lacks. */
import { requireString } from "../../arguments.js";
import { LaminixError } from "../../errors.js";
import { type Platform, platformName, UNKNOWN } from "../../image/platform.js";
import type { NamedImage } from "../../image/image.js";
import { forPlatform } from "../../manifests/platform.js";
import type { BuiltImage } from "../build/builtImage.js";
import { requireImage } from "../openAll.js";
import type { PushedImage, PushedLayer } from "./sendPush.js";
import { checkPushOptions, type PushImageOptions } from "./pushOptions.js";

/** The plan of a push. */
export interface PushPlan {
  readonly layers: readonly PushedLayer[];
  /** Bytes of layers, at the most: what has not been compressed yet counts as it is. */
  readonly toSend: number;
}

/**
 * Pushes an image. A layer that is made of the same as one of the image that a tag leads to now, or of one in `cacheFrom`,
 * is taken over without being read. Others are looked for in the registry, mounted where another of its repositories is
 * known to have them, or sent. Tags come last, so that none leads to half an image.
 * @param image one that was built, or what `openImages` opens: a docker-archive, an OCI layout, `docker://…`. An image that
 *   has a manifest goes with it, its digest unchanged, unless the options ask for another.
 * @param reference `[HOST[:PORT]/]REPOSITORY[:TAG]`
 * @throws {LaminixError} ERR_REFERENCE, ERR_REGISTRY, ERR_REGISTRY_AUTH, ERR_REGISTRY_UNREACHABLE, ERR_UNSUPPORTED, ERR_DIGEST,
 *   ERR_ARCHIVE, and what reading the image throws
 */
export async function pushImage(
  image: BuiltImage | string,
  reference: string,
  options: PushImageOptions = {},
): Promise<PushedImage> {
  checkArguments(image, reference, options);
  const only = (images: readonly NamedImage[]): NamedImage => onlyOne(images, options.platform);
  const { sendPush } = await import("./sendPush.js");
  return sendPush([image], only, reference, options);
}

/**
 * Asks the registry what it has, and hashes layers that are not remembered; sends nothing and compresses nothing.
 * @throws {LaminixError} as `pushImage`
 */
export async function planPush(
  image: BuiltImage | string,
  reference: string,
  options: PushImageOptions = {},
): Promise<PushPlan> {
  checkArguments(image, reference, options);
  const only = (images: readonly NamedImage[]): NamedImage => onlyOne(images, options.platform);
  const { withPreparedPush } = await import("./preparePush.js");
  return withPreparedPush([image], only, reference, options, async ({ entry, options: how }) => {
    const { wouldPush } = await import("../../transports/registry/wouldPush.js");
    const expected = await wouldPush(entry, how);
    const layers = expected.map(({ layer: { kind, sources }, ...rest }) => ({ kind, sources, ...rest }));
    const lacking = layers.filter(({ fate }) => fate === "sent");
    return { layers, toSend: lacking.reduce((sum, { size }) => sum + size, 0) };
  });
}

/**
 * @param platform which of them; an image for another one is none
 * @throws {LaminixError} ERR_ARCHIVE
 */
function onlyOne(all: readonly NamedImage[], platform: Platform | undefined): NamedImage {
  const known = all.filter(({ image }) => image.platform.architecture !== UNKNOWN);
  const platforms = known.map(({ image }) => platformName(image.platform));
  const images = platform ? ofPlatform(known, platform) : all;
  const [image, ...others] = images;
  if (image && others.length === 0) return image;
  const references = images.flatMap((each) => each.references);
  const details = { references, platforms };
  if (platform && !image) {
    const wanted = platformName(platform);
    throw new LaminixError(
      "ERR_ARCHIVE",
      `there is no image for ${wanted}, only for ${platforms.join(", ") || "images without a platform"}`,
      {
        details: { ...details, wanted },
        hint: "leave --os, --arch and --variant (platform) out, or name one of these",
      },
    );
  }
  if (new Set(platforms).size === images.length) {
    throw new LaminixError("ERR_ARCHIVE", `there are images for ${platforms.join(", ")}, and one is pushed`, {
      details,
      hint: "name the platform, or push all of them as an index: laminix index IMAGE --push REF",
    });
  }
  const called = references.length === 0 ? "" : `: ${references.join(", ")}`;
  const message = `there are ${String(images.length)} images, and one is pushed${called}`;
  throw new LaminixError("ERR_ARCHIVE", message, { details, hint: "put each into a file of its own" });
}

function ofPlatform(images: readonly NamedImage[], wanted: Platform): readonly NamedImage[] {
  const all = images.map((named) => ({ named, platform: named.image.platform }));
  return forPlatform(all, wanted).map(({ named }) => named);
}

function checkArguments(image: unknown, reference: unknown, options: PushImageOptions): void {
  requireImage(image, "image");
  requireString(reference, "reference");
  checkPushOptions(options);
}
