/** Opens images, whatever they lie in. */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { LaminixError } from "../errors.js";
import { ArchiveFiles } from "./archiveFiles.js";
import { DockerArchive } from "./dockerArchive/read.js";
import { ArchivedFiles, FolderFiles } from "./ociLayout/blobs.js";
import { OciLayout } from "./ociLayout/read.js";
import { hostArchitecture, type Platform } from "./platform.js";
import type { StoredImages } from "./storedImage.js";
import { openPlain } from "./unpack.js";

export interface OpenOptions {
  readonly signal?: AbortSignal | undefined;
  /** Chosen where an image is there for several, or all of them; this machine's, on Linux, unless given. */
  readonly platform?: Platform | "all" | undefined;
}

/**
 * @param path a docker-archive, an OCI layout's folder, or an archive of one; archives may be compressed with gzip,
 *   zstd, xz or bzip2
 * @throws {LaminixError} ERR_ARCHIVE, ERR_DIGEST, ERR_FILE_READ, ERR_FILE_WRITE, ERR_JSON, ERR_PROGRAM,
 *   ERR_UNSUPPORTED
 */
export async function openImages(path: string, options: OpenOptions = {}): Promise<StoredImages> {
  const { signal, platform = { os: "linux", architecture: hostArchitecture() } } = options;
  signal?.throwIfAborted();
  if (isFolder(path)) {
    if (!existsSync(join(path, "index.json"))) throw neither(path);
    return opened(new FolderFiles(path), (files) => OciLayout.in(files, { platform }));
  }
  const file = await openPlain(path, { signal });
  try {
    const files = await ArchiveFiles.index(file, { signal });
    // Docker writes both; its own manifest has the images' names.
    if (files.has("manifest.json")) return DockerArchive.in(files);
    if (files.has("index.json")) return await OciLayout.in(new ArchivedFiles(files), { platform });
    throw neither(path);
  } catch (error) {
    file.close();
    throw error;
  }
}

async function opened<F extends Disposable>(
  files: F,
  read: (files: F) => Promise<StoredImages>,
): Promise<StoredImages> {
  try {
    return await read(files);
  } catch (error) {
    files[Symbol.dispose]();
    throw error;
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false; // opening it will tell why
  }
}

function neither(path: string): LaminixError {
  return new LaminixError(
    "ERR_ARCHIVE",
    `${path} holds no image: it has neither manifest.json nor index.json`,
    {
      details: { path },
      hint: "images are read from what docker save, podman save, skopeo and buildah write: docker-archives and OCI layouts",
    },
  );
}
