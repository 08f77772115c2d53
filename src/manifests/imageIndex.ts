/** Images for several platforms as one value. OCI image-spec 1.1, image-index.md. */
import { LaminixError } from "../errors.js";
import type { Annotations } from "../image/descriptor.js";
import type { Image } from "../image/image.js";
import { normalPlatform, platformName, UNKNOWN } from "../image/platform.js";

export interface ImageIndex {
  /** Each for another platform. */
  readonly images: readonly Image[];
  readonly annotations: Annotations;
}

/** @throws {LaminixError} ERR_INDEX where there is none, one that says no platform, or two for the same one */
export function imageIndex(images: readonly Image[], annotations: Annotations = new Map()): ImageIndex {
  if (images.length === 0) throw new LaminixError("ERR_INDEX", "an index needs an image");
  const names = new Set<string>();
  for (const { platform } of images) {
    if (platform.os === UNKNOWN || platform.architecture === UNKNOWN) {
      throw new LaminixError("ERR_INDEX", "an image of an index does not say what platform it is for");
    }
    const name = platformName(normalPlatform(platform));
    if (names.has(name)) {
      throw new LaminixError("ERR_INDEX", `two images of an index are for ${name}`, {
        details: { platform: name },
        hint: "an index has one image for each platform; images of different names are put into one layout, not one index",
      });
    }
    names.add(name);
  }
  return { images, annotations };
}
