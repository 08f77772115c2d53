/**
 * Archives that can be read in two ways: `manifest.json` names images, and `index.json`, where there is one too, may lead to
 * the same for more platforms.
 */
import { LaminixError } from "../errors.js";
import type { Digest } from "../bytes/digest.js";
import { knownConfig, type NamedImage } from "../image/image.js";
import { type Platform, UNKNOWN } from "../image/platform.js";
import { isForeign } from "../manifests/descriptor.js";
import { ManifestReader, type NamedDescriptor } from "../manifests/manifestReader.js";
import { chosenPlatform, type PlatformChoice } from "../manifests/platform.js";
import type { ArchiveFiles } from "./archiveFiles.js";
import { readDockerArchive } from "./dockerArchive/read.js";
import { ArchivedFiles } from "./ociLayout/blobs.js";
import { LayoutPlace } from "./ociLayout/read.js";
import { OpenedImages } from "./openedImages.js";
import { Unpacking } from "./plainTar.js";
import type { UnpackBudget } from "./unpackBudget.js";

export interface ArchiveOptions extends PlatformChoice {
  readonly maxUnpacked?: number | UnpackBudget | undefined;
}

/**
 * The images of `manifest.json`, unless `index.json` leads to others too; then those of the index, and what it does not have.
 * @param files with a `manifest.json`; closed with the images
 * @throws {LaminixError} ERR_ARCHIVE, ERR_DIGEST, ERR_JSON, ERR_UNSUPPORTED
 */
export async function openArchive(files: ArchiveFiles, options: ArchiveOptions): Promise<OpenedImages> {
  const unpacking = new Unpacking(options.maxUnpacked);
  const { file } = files;
  const own = readDockerArchive(files, unpacking);
  const place = new LayoutPlace(new ArchivedFiles(files), unpacking);
  const reader = new ManifestReader(place, options);
  const ownByConfig = new Map<Digest, NamedImage[]>();
  for (const named of own) {
    const { digest } = knownConfig(named.image);
    ownByConfig.set(digest, [...(ownByConfig.get(digest) ?? []), named]);
  }
  const listed = files.has("index.json") ? await listedImages(place, reader, ownByConfig) : [];
  if (listed.every(({ config }) => ownByConfig.has(config)))
    return new OpenedImages(ofPlatform(own, options, file.path), [file, unpacking]);
  const images = await reader.images(listed);
  for (const { config } of listed) ownByConfig.delete(config);
  const others = ofPlatform([...ownByConfig.values()].flat(), options, file.path);
  return new OpenedImages([...images, ...others], [file, unpacking]);
}

interface ListedImage extends NamedDescriptor {
  /** Of the configuration. */
  readonly config: Digest;
}

/**
 * The images of the index that are there whole: `docker save` also lists what it has not saved. An index that cannot be read
 * has none, for `manifest.json` has what there is then. It also has names that the index lacks.
 */
async function listedImages(
  place: LayoutPlace,
  reader: ManifestReader,
  ownByConfig: ReadonlyMap<Digest, readonly NamedImage[]>,
): Promise<ListedImage[]> {
  const all: ListedImage[] = [];
  for (const root of await orNone(() => place.roots())) {
    const found: ListedImage[] = [];
    for (const manifest of await orNone(() => reader.manifests([root]))) {
      const { descriptor, platform } = manifest;
      const blobs = place.has(descriptor) ? await orNone(() => reader.blobs(manifest)) : [];
      const [config] = blobs;
      if (config && blobs.every((blob) => isForeign(blob) || place.has(blob)))
        found.push({ ...root, descriptor: { ...descriptor, ...known(platform) }, config: config.digest });
    }
    const configs = [...new Set(found.map(({ config }) => config))];
    const names = configs.flatMap((config) =>
      (ownByConfig.get(config) ?? []).flatMap(({ references }) => references),
    );
    const references = root.references.length > 0 ? root.references : names;
    all.push(...found.map((each) => ({ ...each, references })));
  }
  return all;
}

/** A configuration that says no architecture is still that of an image; a descriptor that says so is not. */
function known(platform: Platform): { readonly platform?: Platform } {
  return platform.architecture === UNKNOWN ? {} : { platform };
}

async function orNone<T>(read: () => readonly T[] | Promise<readonly T[]>): Promise<readonly T[]> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof LaminixError) return [];
    throw error;
  }
}

/** An archive of one platform is not asked for it, unless somebody insists. */
function ofPlatform(
  images: readonly NamedImage[],
  choice: PlatformChoice,
  path: string,
): readonly NamedImage[] {
  if (choice.strict !== true || images.length === 0) return images;
  const all = images.map((named) => ({ named, platform: named.image.platform }));
  return chosenPlatform(all, choice, path).map(({ named }) => named);
}
