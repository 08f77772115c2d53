/** How images are pushed: what the pushing of one image and of an index have in common. */
import {
  checkGiven,
  keysOf,
  requireBoolean,
  requireCount,
  requireKnown,
  requireOneOf,
  requireOptions,
  requireString,
  requireStrings,
} from "../../arguments.js";
import { GZIP_ENCODERS, type GzipEncoder, otherLevels } from "../../compress/compressors.js";
import { ArgumentError } from "../../errors.js";
import { type Encoding, ENCODINGS } from "../../image/layer.js";
import { MANIFEST_FORMATS, type ManifestFormat } from "../../manifests/mediaTypes.js";
import type { Platform } from "../../image/platform.js";
import { BUILD_KEYS, type BuildOptions, checkBuildOptions } from "../../planning/buildOptions.js";

export interface PushImageOptions extends Omit<BuildOptions, "store" | "previousAt"> {
  /** Beside the reference's own; where it has none, and none are given here, it is `latest`. */
  readonly tags?: readonly string[] | undefined;
  /** Which of several images an archive or a reference stands for; it has to be one for a single platform unless given. */
  readonly platform?: Platform | undefined;
  /** The format of the manifests; default: OCI. Docker's have neither annotations nor zstd. */
  readonly manifestFormat?: ManifestFormat | undefined;
  /** Of the layers; as the spec says, or as they lie, unless given. */
  readonly layerCompression?: Encoding | undefined;
  /** Of gzip 0 to 12, and to 9 by zlib, 6 unless given; of zstd 1 to 19, 3 unless given. */
  readonly layerCompressionLevel?: number | undefined;
  /** What makes gzip; libdeflate, which is in the addon, unless given. They make different bytes. */
  readonly layerEncoder?: GzipEncoder | undefined;
  /** Images in registries whose layers are taken over unread, where they are made of the same as these. */
  readonly cacheFrom?: readonly string[] | undefined;
  /** Whether layers are taken over from the image that is at the reference before, and from `cacheFrom`; `true` unless given. */
  readonly registryCache?: boolean | undefined;
  /** Makes even reusable layers, and checks that they have the same digests. */
  readonly verify?: boolean | undefined;
}

const PUSH_KEYS = [
  ...BUILD_KEYS.filter((key) => key !== "store" && key !== "previousAt"),
  ...keysOf<Omit<PushImageOptions, keyof BuildOptions>>({
    ...{
      tags: true,
      platform: true,
      manifestFormat: true,
      layerCompression: true,
      layerCompressionLevel: true,
      layerEncoder: true,
    },
    ...{ cacheFrom: true, registryCache: true, verify: true },
  }),
];

/**
 * @param more keys of a verb's own
 * @throws {ArgumentError} ERR_ARGUMENT
 */
export function checkPushOptions(options: PushImageOptions, more: readonly string[] = []): void {
  requireKnown(options, [...PUSH_KEYS, ...more]);
  checkBuildOptions(options);
  checkGiven(options, "options", {
    tags: requireStrings,
    platform: requirePlatform,
    manifestFormat: (value, argument) => {
      requireOneOf(value, MANIFEST_FORMATS, argument);
    },
    layerCompression: (value, argument) => {
      requireOneOf(value, ENCODINGS, argument);
    },
    layerCompressionLevel: requireCount,
    layerEncoder: (value, argument) => {
      requireOneOf(value, GZIP_ENCODERS, argument);
    },
    cacheFrom: requireStrings,
    registryCache: requireBoolean,
    verify: requireBoolean,
  });
}

/** @throws {ArgumentError} ERR_ARGUMENT */
function requirePlatform(value: unknown, argument: string): void {
  requireOptions(value, argument);
  const { os, architecture, variant } = value as Readonly<Record<string, unknown>>;
  requireString(os, `${argument}.os`);
  requireString(architecture, `${argument}.architecture`);
  if (variant !== undefined) requireString(variant, `${argument}.variant`);
}

/** @throws {ArgumentError} ERR_ARGUMENT */
export function requireLevel(
  level: number | undefined,
  encoding: Encoding,
  encoder: GzipEncoder | undefined,
): void {
  const levels = level === undefined ? undefined : otherLevels(encoding, level, encoder);
  if (levels !== undefined) throw new ArgumentError("options.layerCompressionLevel", levels, level);
}
