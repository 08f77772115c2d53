import { abortScope } from "../../abort.js";
import type { Digest } from "../../bytes/digest.js";
import type { Descriptor } from "../../image/descriptor.js";
import type { NamedImage } from "../../image/image.js";
import { ImageContents } from "../../manifests/imageContents.js";

/**
 * The digest of an image's manifest, as it will be where its layers are not compressed. Layers are unpacked for it unless
 * they lie plain; they are kept, since they are sent next.
 * @throws {LaminixError} as reading the layers does
 */
export async function manifestDigest(image: NamedImage, signal: AbortSignal | undefined): Promise<Digest> {
  const contents = new ImageContents([image], { encoding: "none" });
  using scope = abortScope(signal);
  const options = { signal: scope.signal };
  const written = await Promise.all(
    contents.blobs.map(async (blob) => {
      const { diffId } = await blob.plain(options);
      return { diffId, descriptor: await blob.descriptor(options) };
    }),
  );
  const [target] = contents.documents(written).targets as readonly [Descriptor];
  return target.digest;
}
