/** Is an image whole? Every digest, size, diffID, media type and reference of it is computed again. */
import { checkGiven, keysOf, requireFunction, requireKnown, requireString } from "../../arguments.js";
import { LaminixError } from "../../errors.js";
import { type Platform, platformName } from "../../image/platform.js";
import { type OnProgress, Progress } from "../../progress.js";
import type { Registries } from "../../transports/registry/registries.js";
import { requireUnpackable, UnpackBudget } from "../../transports/unpackBudget.js";
import { Findings, type Problem } from "./findings.js";

export interface ValidateOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told of each layer that has been read, and of bytes that come from a registry. */
  readonly onProgress?: OnProgress | undefined;
  /** How registries are asked; by this process's environment unless given. */
  readonly registries?: Registries | undefined;
  /** The most bytes of images in temporary files, in all; default: 64 GiB. */
  readonly maxUnpacked?: number | UnpackBudget | undefined;
  /** Images for other platforms are left alone; those for all platforms are validated unless given. */
  readonly platform?: Platform | undefined;
}

const KEYS = keysOf<ValidateOptions>({
  ...{ signal: true, onProgress: true, registries: true, maxUnpacked: true, platform: true },
});

export interface Validation {
  readonly valid: boolean;
  /** In the order in which they were found; 1000 at the most. */
  readonly problems: readonly Problem[];
  readonly images: number;
  /** Manifests, configurations and layers that are there, each once. */
  readonly blobs: number;
}

/**
 * Validates all images of an archive, a layout or a reference, and does not stop at the first problem. Layers are unpacked
 * into a temporary file, one at a time. Non-distributable layers may be absent.
 * @param image a docker-archive, an OCI layout's folder, or an archive of one; archives may be compressed. Or `docker://`
 *   and a reference to a registry.
 * @throws {LaminixError} where nothing can be validated: ERR_ARCHIVE for what is no image or none for the platform, or when
 *   more than `maxUnpacked` would be unpacked; ERR_FILE_READ, ERR_FILE_WRITE, ERR_PROGRAM, ERR_UNSUPPORTED; for registries
 *   ERR_REFERENCE, ERR_REGISTRY, ERR_REGISTRY_AUTH, ERR_REGISTRY_UNREACHABLE
 */
export async function validateImage(image: string, options: ValidateOptions = {}): Promise<Validation> {
  requireString(image, "image");
  requireKnown(options, KEYS);
  const { signal, onProgress, registries, maxUnpacked, platform } = options;
  checkGiven(options, "options", { onProgress: requireFunction, maxUnpacked: requireUnpackable });
  signal?.throwIfAborted();
  const findings = new Findings();
  const budget = UnpackBudget.of(maxUnpacked);
  const { checkAll } = await import("./checkAll.js");
  const checks = await checkAll(
    image,
    { findings, budget, signal, progress: new Progress(onProgress), platform },
    registries,
  );
  const images = Math.max(...checks.map((check) => check.images));
  const blobs = Math.max(...checks.map((check) => check.blobs));
  const { problems } = findings;
  if (images === 0 && problems.length === 0 && (platform || blobs === 0)) {
    const wanted = platform && platformName(platform);
    throw new LaminixError("ERR_ARCHIVE", `${image} has no image${wanted ? ` for ${wanted}` : ""}`, {
      details: { path: image, wanted },
    });
  }
  return { valid: problems.length === 0, problems, images, blobs };
}
