/** Is an image whole? Every digest, size, diffID, media type and reference of it is computed again. */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { checkGiven, requireFunction, requireOptions, requireString } from "../../arguments.js";
import { LaminixError } from "../../errors.js";
import type { Platform } from "../../image/platform.js";
import { platformName } from "../../manifests/platform.js";
import { DOCKER, parseReference } from "../../manifests/reference.js";
import type { OnProgress } from "../../progress.js";
import { ArchiveFiles } from "../../transports/archiveFiles.js";
import { ArchivedFiles, FolderFiles } from "../../transports/ociLayout/blobs.js";
import type { Registries } from "../../transports/registry/registries.js";
import { openPlain } from "../../transports/unpack.js";
import { requireUnpackable, UnpackBudget } from "../../transports/unpackBudget.js";
import { DockerArchiveCheck } from "./dockerArchive.js";
import { Findings, type Problem } from "./findings.js";
import { checkLayout } from "./layout.js";
import type { ManifestCheckOptions } from "./manifests.js";

export interface ValidateOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told of each layer that has been read, and of bytes that come from a registry. */
  readonly onProgress?: OnProgress | undefined;
  /** How registries are asked; by this process's environment unless given. */
  readonly registries?: Registries | undefined;
  /** Bytes of images that may go into temporary files, in all; 64 GiB unless given. */
  readonly maxUnpacked?: number | UnpackBudget | undefined;
  /** Images for other platforms are left alone; those for all platforms are validated unless given. */
  readonly platform?: Platform | undefined;
}

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
  requireOptions(options);
  const { signal, onProgress, registries, maxUnpacked, platform } = options;
  checkGiven(options, "options", { onProgress: requireFunction, maxUnpacked: requireUnpackable });
  signal?.throwIfAborted();
  const findings = new Findings();
  const budget = UnpackBudget.of(maxUnpacked);
  const checks = await checkAll(image, { findings, budget, signal, onProgress, platform }, registries);
  const images = Math.max(...checks.map((check) => check.images));
  const blobs = Math.max(...checks.map((check) => check.blobs));
  const { problems } = findings;
  if (platform && images === 0 && problems.length === 0) {
    throw new LaminixError("ERR_ARCHIVE", `${image} has no image for ${platformName(platform)}`, {
      details: { path: image, wanted: platformName(platform) },
    });
  }
  return { valid: problems.length === 0, problems, images, blobs };
}

interface Checked {
  readonly images: number;
  readonly blobs: number;
}

async function checkAll(
  image: string,
  options: ManifestCheckOptions,
  registries: Registries | undefined,
): Promise<Checked[]> {
  if (image.startsWith(DOCKER)) return [await checkIn(image.slice(DOCKER.length), options, registries)];
  if (statSync(image, { throwIfNoEntry: false })?.isDirectory()) {
    if (!["index.json", "oci-layout"].some((name) => existsSync(join(image, name)))) throw neither(image);
    using folder = new FolderFiles(image);
    return [await checkLayout(folder, options)];
  }
  const { signal, budget } = options;
  using file = await openPlain(image, { signal, budget });
  const files = await ArchiveFiles.index(file, { signal });
  const isLayout = files.has("index.json") || files.has("oci-layout");
  if (!isLayout && !files.has("manifest.json")) throw neither(image);
  return [
    ...(files.has("manifest.json") ? [await new DockerArchiveCheck(files, options).check()] : []),
    ...(isLayout ? [await checkLayout(new ArchivedFiles(files), options)] : []),
  ];
}

async function checkIn(
  text: string,
  options: ManifestCheckOptions,
  given: Registries | undefined,
): Promise<Checked> {
  const reference = parseReference(text);
  const { Registries } = await import("../../transports/registry/registries.js");
  const { checkRemote } = await import("./registry.js");
  await using own = new Registries();
  const client = await (given ?? own).client(reference.registry);
  return await checkRemote(client, reference, options);
}

function neither(path: string): LaminixError {
  return new LaminixError(
    "ERR_ARCHIVE",
    `${path} holds no image: it has neither manifest.json nor index.json`,
    { details: { path } },
  );
}
