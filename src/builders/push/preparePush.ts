/** What every push does: opens the images, and reads what is at its destination before. */
import type { DigestCache } from "../../image/digestCache.js";
import type { NamedImage } from "../../image/image.js";
import type { Entry } from "../../manifests/imageContents.js";
import { pushTargets } from "../../manifests/pushTargets.js";
import { type ImageReference, parseReference } from "../../manifests/reference.js";
import { Progress } from "../../progress.js";
import type { PreviousLayers } from "../../transports/registry/previous.js";
import type { PushOptions } from "../../transports/registry/push.js";
import { Registries } from "../../transports/registry/registries.js";
import type { BuiltImage } from "../build/builtImage.js";
import { checkRoots, openAll, type OpenAllOptions } from "../openAll.js";
import { digestCacheOf } from "../../planning/buildOptions.js";
import { type PushImageOptions, requireLevel } from "./pushOptions.js";

export interface PreparedPush {
  readonly entry: Entry;
  /** With the first of the tags. */
  readonly reference: ImageReference;
  readonly options: PushOptions;
}

/**
 * @param images what is to be opened, or has been built
 * @param entryOf what is pushed of them
 * @param text `[HOST[:PORT]/]REPOSITORY[:TAG]`
 * @throws {LaminixError} ERR_REFERENCE, ERR_REGISTRY, ERR_REGISTRY_AUTH, ERR_REGISTRY_UNREACHABLE; as `openImages`, and what
 *   `entryOf` and `use` throw
 */
export async function withPreparedPush<T>(
  images: readonly (string | BuiltImage)[],
  entryOf: (images: readonly NamedImage[]) => Entry,
  text: string,
  asked: PushImageOptions,
  use: (push: PreparedPush) => Promise<T>,
): Promise<T> {
  const { reference, tags } = pushTargets(text, asked.tags ?? []);
  const registries = asked.registries ?? new Registries();
  try {
    using opened = await openAll(images, openingOf(asked, registries));
    const entry = entryOf(opened.images);
    const packing = packingOf(images, asked);
    const { cache } = packing;
    const progress = new Progress(asked.onProgress);
    const previous = await previousLayers(reference, tags, registries, { ...asked, cache }, progress);
    const { verify, manifestFormat: format } = asked;
    const options: PushOptions = {
      ...{ ...packing, previous, verify, format, tags },
      client: await registries.client(reference.registry),
      repository: reference.repository,
      onPush: ({ blob, ...event }, index, count) => {
        progress.push(blob.layer, event, index, count);
      },
      beforeManifest: () => checkRoots(images, packing.signal),
    };
    return await use({ entry, reference, options });
  } finally {
    if (registries !== asked.registries) await registries.close();
  }
}

/** An image keeps its manifest unless another is asked for. */
function openingOf(asked: PushImageOptions, registries: Registries): OpenAllOptions {
  const { signal, platform, manifestFormat: format, layerCompression, layerCompressionLevel } = asked;
  const { maxUnpacked, layerEncoder } = asked;
  const isRemade = [format, layerCompression, layerCompressionLevel, layerEncoder].some(
    (each) => each !== undefined,
  );
  const kept = isRemade ? [] : undefined;
  return { signal, registries, platform: platform ?? "all", format, kept, maxUnpacked };
}

/** How layers are packed: as was asked for, and otherwise as the one image that was built says. */
function packingOf(images: readonly (string | BuiltImage)[], asked: PushImageOptions) {
  const [only] = images.length === 1 ? images : [];
  const built = typeof only === "string" ? undefined : only?.packing();
  const { signal = built?.signal, jobs = built?.jobs } = asked;
  const { layerCompression: encoding = built?.encoding ?? "gz" } = asked;
  const ownLevel = encoding === built?.encoding ? built.level : undefined;
  const { layerCompressionLevel: level = ownLevel, layerEncoder: encoder = built?.encoder } = asked;
  requireLevel(level, encoding, encoder);
  const cache = asked.cache === undefined && built ? built.cache : digestCacheOf(asked);
  return { signal, jobs, encoding, level, encoder, cache };
}

async function previousLayers(
  { registry, repository }: ImageReference,
  tags: readonly string[],
  registries: Registries,
  {
    registryCache = true,
    cacheFrom = [],
    cache,
    signal,
  }: Omit<PushImageOptions, "cache"> & { readonly cache: DigestCache | undefined },
  progress: Progress,
): Promise<PreviousLayers | undefined> {
  const others = cacheFrom.map(parseReference);
  if (!registryCache) return undefined;
  const here = tags.map((tag) => ({ registry, repository, tag }));
  const images = [...here, ...others].map(async (reference) => ({
    client: await registries.client(reference.registry),
    reference,
  }));
  const { PreviousLayers: Previous } = await import("../../transports/registry/previous.js");
  return Previous.of(await Promise.all(images), {
    ...{ signal, cache },
    onUseless: progress.warn,
  });
}
