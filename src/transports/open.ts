/** Opens images, whatever they lie in. */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { LaminixError } from "../errors.js";
import { ArchiveFiles } from "./archiveFiles.js";
import { openArchive } from "./archive.js";
import { readDockerArchive } from "./dockerArchive/read.js";
import { ArchivedFiles, FolderFiles } from "./ociLayout/blobs.js";
import { openLayout } from "./ociLayout/read.js";
import { OpenedImages } from "./openedImages.js";
import type { PlatformChoice } from "../manifests/platform.js";
import { DOCKER, parseReference } from "../manifests/reference.js";
import { Unpacking } from "./plainTar.js";
import type { FetchEvent } from "./registry/remoteLayer.js";
import type { Registries } from "./registry/registries.js";
import { openPlain } from "./unpack.js";
import { UnpackBudget } from "./unpackBudget.js";

export interface OpenOptions extends PlatformChoice {
  readonly signal?: AbortSignal | undefined;
  /** Called when bytes of a layer have come from a registry. */
  readonly onFetch?: ((event: FetchEvent) => void) | undefined;
  /** How registries are asked; by this process's environment unless given. */
  readonly registries?: Registries | undefined;
  /** Bytes that may go into temporary files: for this call, or for all that share the budget; 64 GiB unless given. */
  readonly maxUnpacked?: number | UnpackBudget | undefined;
}

export interface StoredOptions extends Omit<OpenOptions, "onFetch" | "registries"> {
  /**
   * What counts in an archive with both a `manifest.json` and an `index.json`: whichever leads to more images, unless given;
   * or the former, as for nixpkgs.
   */
  readonly archives?: "docker" | undefined;
}

/**
 * @param path a docker-archive, an OCI layout's folder, or an archive of one; archives may be compressed with gzip,
 *   zstd, xz or bzip2. Or `docker://` and a reference to a registry, of which manifests and configurations are fetched,
 *   and layers when they are read.
 * @throws {LaminixError} ERR_ARCHIVE, also when more than `maxUnpacked` would be unpacked, then or later; ERR_DIGEST,
 *   ERR_FILE_READ, ERR_FILE_WRITE, ERR_JSON, ERR_PROGRAM,
 *   ERR_UNSUPPORTED; for registries ERR_REFERENCE, ERR_REGISTRY, ERR_REGISTRY_AUTH, ERR_REGISTRY_UNREACHABLE too
 */
export async function openImages(path: string, given: OpenOptions = {}): Promise<OpenedImages> {
  const options = { ...given, maxUnpacked: UnpackBudget.of(given.maxUnpacked) };
  given.signal?.throwIfAborted();
  if (path.startsWith(DOCKER)) return openRemote(path.slice(DOCKER.length), options);
  return openStoredImages(path, options);
}

/**
 * The same for what lies on this disk, and for nothing else.
 * @throws {LaminixError} as `openImages`
 */
export async function openStoredImages(path: string, given: StoredOptions = {}): Promise<OpenedImages> {
  const { signal } = given;
  const budget = UnpackBudget.of(given.maxUnpacked);
  const options = { ...given, maxUnpacked: budget };
  signal?.throwIfAborted();
  if (isFolder(path)) {
    if (!existsSync(join(path, "index.json"))) throw neither(path);
    return closedOnFailure(new FolderFiles(path), (files) => openLayout(files, options));
  }
  return closedOnFailure(await openPlain(path, { signal, budget }), async (file) => {
    const files = await ArchiveFiles.index(file, { signal });
    if (files.has("manifest.json"))
      return given.archives === "docker" ? dockerImages(files, budget) : openArchive(files, options);
    if (files.has("index.json")) return openLayout(new ArchivedFiles(files), options);
    throw neither(path);
  });
}

function dockerImages(files: ArchiveFiles, budget: UnpackBudget): OpenedImages {
  const unpacking = new Unpacking(budget);
  return new OpenedImages(readDockerArchive(files, unpacking), [files.file, unpacking]);
}

/** The client is loaded for those who need it. */
async function openRemote(text: string, options: OpenOptions): Promise<OpenedImages> {
  const reference = parseReference(text);
  const { readRemoteImages } = await import("./registry/image.js");
  const { Registries } = await import("./registry/registries.js");
  const registries = options.registries ?? new Registries();
  const own: Disposable = {
    [Symbol.dispose]: () => {
      if (registries !== options.registries) void registries.close();
    },
  };
  return closedOnFailure(own, async () => {
    const client = await registries.client(reference.registry);
    const { images, digest, unpacking } = await readRemoteImages(client, reference, options);
    return new OpenedImages(images, [unpacking, own], digest);
  });
}

async function closedOnFailure<R extends Disposable>(
  resource: R,
  use: (resource: R) => Promise<OpenedImages>,
): Promise<OpenedImages> {
  try {
    return await use(resource);
  } catch (error) {
    resource[Symbol.dispose]();
    throw error;
  }
}

export function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false; // opening it will tell why
  }
}

export function neither(path: string): LaminixError {
  return new LaminixError(
    "ERR_ARCHIVE",
    `${path} holds no image: it has neither manifest.json nor index.json`,
    {
      details: { path },
      hint: "images are read from what docker save, podman save, skopeo and buildah write: docker-archives and OCI layouts",
    },
  );
}
