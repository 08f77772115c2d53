/** One name for images of several platforms, as an OCI layout. */
import {
  checkGiven,
  keysOf,
  requireCount,
  requireKnown,
  requireOneOf,
  requireOptions,
  requireString,
} from "../arguments.js";
import type { Output } from "../files/outputTarget.js";
import { imageIndex } from "../manifests/imageIndex.js";
import { GZIP_ENCODERS, type GzipEncoder } from "../compress/compressors.js";
import { type Encoding, ENCODINGS } from "../image/layer.js";
import type { Digest } from "../bytes/digest.js";
import type { Platform } from "../image/platform.js";
import { STORE_TIME } from "../image/time.js";
import type { NamedImage } from "../image/image.js";
import type { NamedIndex } from "../manifests/imageContents.js";
import type { LayoutWriteOptions } from "../transports/ociLayout/options.js";
import type { LayoutFolder } from "../transports/ociLayout/layoutFolder.js";
import { wholeReference } from "../manifests/reference.js";
import { Progress } from "../progress.js";
import type { BuiltImage } from "./build/builtImage.js";
import { checkRoots, openAll, requireImages } from "./openAll.js";
import type { BuildFileOptions, ImageFormat, ImageOutput } from "./build/imageFile.js";
import { checkBuildOptions, digestCacheOf } from "../planning/buildOptions.js";
import { requireLevel } from "./push/pushOptions.js";

const FORMATS: readonly Exclude<ImageFormat, "docker-archive">[] = ["oci-dir", "oci-archive"];

export interface ImageIndexOptions extends Pick<
  BuildFileOptions,
  "signal" | "onProgress" | "jobs" | "cache" | "registries" | "maxUnpacked"
> {
  /** The folder, or the file. */
  readonly output: string;
  /** The folder of a layout unless given. */
  readonly format?: Exclude<ImageFormat, "docker-archive"> | undefined;
  /** `name:tag` of the index; that of its images, where they all have the same one, unless given. */
  readonly reference?: string | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  /** Of layers that do not come from an OCI layout; gzip unless given. */
  readonly layerCompression?: Encoding | undefined;
  /** Of gzip 0 to 12, and to 9 by zlib, 6 unless given; of zstd 1 to 19, 3 unless given. */
  readonly layerCompressionLevel?: number | undefined;
  /** What makes gzip; libdeflate, which is in the addon, unless given. They make different bytes. */
  readonly layerEncoder?: GzipEncoder | undefined;
}

const INDEX_KEYS = keysOf<ImageIndexOptions>({
  ...{ signal: true, onProgress: true, jobs: true, cache: true, registries: true, maxUnpacked: true },
  ...{ output: true, format: true, reference: true, annotations: true },
  ...{ layerCompression: true, layerCompressionLevel: true, layerEncoder: true },
});

export interface ImageIndexFile {
  readonly path: string;
  /** Bytes of the file; of a folder those of the index's blobs. */
  readonly size: number;
  /** Of the index. */
  readonly digest: Digest;
  readonly platforms: readonly Platform[];
}

/**
 * Writes an index of images, each for another platform. An image that lies in an OCI layout goes into it as it is, its
 * manifest and blobs unchanged; those of other archives, and images that were built here, become such images. A layer that
 * several have is there once.
 * @param images files, folders of OCI layouts and references such as `docker://nginx:1`, of which every platform is taken,
 *   or images that were built here
 * @throws {LaminixError} ERR_INDEX where two are for one platform; ERR_FILE_WRITE, also where something else than a layout is
 *   there; ERR_ARCHIVE, ERR_DIGEST, ERR_FILE_READ, ERR_JSON, ERR_PROGRAM, ERR_UNSUPPORTED
 */
export async function buildImageIndex(
  images: readonly (string | BuiltImage)[],
  options: ImageIndexOptions,
): Promise<ImageIndexFile> {
  checkArguments(images, options);
  const { openImageOutput } = await import("./build/imageFile.js");
  await using output = await openImageOutput({ format: "oci-dir", ...options });
  return await writeImageIndex(output, images, options);
}

/** The same, to a place that has been checked. */
export async function writeImageIndex(
  output: ImageOutput,
  images: readonly (string | BuiltImage)[],
  options: Omit<ImageIndexOptions, "output" | "format">,
): Promise<ImageIndexFile> {
  const { signal, jobs, layerCompression = "gz", registries } = options;
  requireLevel(options.layerCompressionLevel, layerCompression, options.layerEncoder);
  const { maxUnpacked } = options;
  const opening = { signal, platform: "all", kept: ["oci"], registries, maxUnpacked } as const;
  using opened = await openAll(images, opening);
  const all = opened.images.map(({ image }) => image);
  const index = imageIndex(all, new Map(Object.entries(options.annotations ?? {})));
  const entry: NamedIndex = { index, references: referencesOf(opened.images, options.reference) };
  const writing = {
    ...{ signal, jobs, encoding: layerCompression },
    level: options.layerCompressionLevel,
    encoder: options.layerEncoder,
    cache: digestCacheOf(options),
    onLayer: new Progress(options.onProgress).layer,
    beforeIndex: () => checkRoots(images, signal),
  } satisfies LayoutWriteOptions;
  const { LayoutFolder } = await import("../transports/ociLayout/layoutFolder.js");
  const { digest, size } =
    output instanceof LayoutFolder
      ? await intoFolder(output, entry, writing)
      : await intoArchive(output, entry, writing);
  const platforms = all.map(({ platform }) => platform);
  return { path: output.path, size, digest, platforms };
}

interface Written {
  readonly digest: Digest;
  readonly size: number;
}

async function intoFolder(
  layout: LayoutFolder,
  entry: NamedIndex,
  options: LayoutWriteOptions,
): Promise<Written> {
  const { writeOciFolder } = await import("../transports/ociLayout/writeFolder.js");
  const { targets, size } = await writeOciFolder(layout, [entry], options);
  return { size, digest: onlyOne(targets).digest };
}

async function intoArchive(output: Output, entry: NamedIndex, options: LayoutWriteOptions): Promise<Written> {
  const { signal } = options;
  const { writeOciArchive } = await import("../transports/ociLayout/writeArchive.js");
  const { writeArchive } = await import("../transports/file.js");
  let digests: readonly { readonly digest: Digest }[] = [];
  const pieces = writeOciArchive([entry], {
    ...options,
    mtime: STORE_TIME,
    onTargets: (targets) => (digests = targets),
  });
  const size = await writeArchive(output, pieces, { compression: "none", signal });
  return { size, digest: onlyOne(digests).digest };
}

function onlyOne<T>(items: readonly T[]): T {
  const [item] = items as readonly [T];
  return item;
}

/** The name that all of them have, if they have but one. */
function referencesOf(images: readonly NamedImage[], asked: string | undefined): readonly string[] {
  if (asked !== undefined) return [asked];
  const all = new Set(images.flatMap(({ references }) => references.map(wholeReference)));
  return all.size === 1 ? [...all] : [];
}

function checkArguments(images: readonly (string | BuiltImage)[], options: ImageIndexOptions): void {
  requireImages(images);
  requireOptions(options);
  requireKnown(options, INDEX_KEYS);
  requireString(options.output, "options.output");
  checkBuildOptions(options);
  checkGiven(options, "options", {
    format: (value, argument) => {
      requireOneOf(value, FORMATS, argument);
    },
    reference: requireString,
    layerCompression: (value, argument) => {
      requireOneOf(value, ENCODINGS, argument);
    },
    layerCompressionLevel: requireCount,
    layerEncoder: (value, argument) => {
      requireOneOf(value, GZIP_ENCODERS, argument);
    },
  });
}
