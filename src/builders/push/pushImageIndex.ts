/** One name in a registry for images of several platforms. */
import { requireString } from "../../arguments.js";
import { imageIndex } from "../../manifests/imageIndex.js";
import type { BuiltImage } from "../build/builtImage.js";
import { requireImages } from "../openAll.js";
import type { PushedImage } from "./sendPush.js";
import { checkPushOptions, type PushImageOptions } from "./pushOptions.js";

export interface PushImageIndexOptions extends Omit<PushImageOptions, "platform"> {
  /** Of the index. */
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/**
 * Pushes an index of images, each for another platform: the blobs that the registry lacks, those that several images have
 * once, then the manifests, then the index. Images are pushed as `pushImage` does it.
 * @param images what `openImages` opens, of which every platform is taken, or images that were built here
 * @param reference `[HOST[:PORT]/]REPOSITORY[:TAG]`
 * @throws {LaminixError} ERR_INDEX where two are for one platform; as `pushImage`
 */
export async function pushImageIndex(
  images: readonly (string | BuiltImage)[],
  reference: string,
  options: PushImageIndexOptions = {},
): Promise<PushedImage> {
  requireImages(images);
  requireString(reference, "reference");
  checkPushOptions(options, ["annotations"]);
  const annotations = new Map(Object.entries(options.annotations ?? {}));
  const { sendPush } = await import("./sendPush.js");
  return sendPush(
    images,
    (all) => ({
      references: [],
      index: imageIndex(
        all.map(({ image }) => image),
        annotations,
      ),
    }),
    reference,
    options,
  );
}
