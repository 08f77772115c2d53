import { abortScope } from "../abort.js";
import type { Descriptor } from "./blob.js";
import type { Digest } from "../bytes/digest.js";
import { type CarriedImage, type ContentsOptions, ImageContents } from "./imageContents.js";

/**
 * The digest of an image's manifest, as it would be where the image is carried to. Layers are compressed for it unless their digests are
 * known.
 * @throws {LaminixError} as making its blobs does
 */
export async function manifestDigest(
  image: CarriedImage,
  { signal, ...encoding }: ContentsOptions & { readonly signal?: AbortSignal | undefined },
): Promise<Digest> {
  using contents = new ImageContents([image], encoding);
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
