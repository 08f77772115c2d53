/** Images for several platforms as one value. OCI image-spec 1.1, image-index.md. */
import { LaminixError } from "../errors.js";
import type { Annotations } from "../image/layer.js";
import { normalPlatform, type Platform, platformName } from "../image/platform.js";

export interface ImageIndex<I extends { readonly platform?: Platform | undefined }> {
  /** Each for another platform. */
  readonly images: readonly I[];
  readonly annotations: Annotations;
}

/** @throws {LaminixError} ERR_INDEX where there is none, one that says no platform, or two for the same one */
export function imageIndex<I extends { readonly platform?: Platform | undefined }>(
  images: readonly I[],
  annotations: Annotations = new Map(),
): ImageIndex<I> {
  if (images.length === 0) throw new LaminixError("ERR_INDEX", "an index needs an image");
  const names = new Set<string>();
  for (const { platform } of images) {
    if (!platform || platform.os === "unknown" || platform.architecture === "unknown") {
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
