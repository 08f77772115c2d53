/** All that an archive, a layout or a reference to a registry holds. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { DOCKER, parseReference } from "../../manifests/reference.js";
import { ArchiveFiles } from "../../transports/archiveFiles.js";
import { ArchivedFiles, FolderFiles } from "../../transports/ociLayout/blobs.js";
import type { Registries } from "../../transports/registry/registries.js";
import { isFolder, neither } from "../../transports/open.js";
import { openPlain } from "../../transports/unpack.js";
import { DockerArchiveCheck } from "./dockerArchive.js";
import { checkLayout } from "./layout.js";
import type { ManifestCheckOptions } from "./manifests.js";

interface Checked {
  readonly images: number;
  readonly blobs: number;
}

/** @throws {LaminixError} ERR_ARCHIVE where there is no image; what opening it throws */
export async function checkAll(
  image: string,
  options: ManifestCheckOptions,
  registries: Registries | undefined,
): Promise<Checked[]> {
  if (image.startsWith(DOCKER)) return [await checkIn(image.slice(DOCKER.length), options, registries)];
  if (isFolder(image)) {
    if (!["index.json", "oci-layout"].some((name) => existsSync(join(image, name)))) throw neither(image);
    using folder = new FolderFiles(image);
    return [await checkLayout(folder, options)];
  }
  const { signal, budget } = options;
  using file = await openPlain(image, { signal, budget });
  const files = await ArchiveFiles.index(file, { signal });
  const isLayout = files.has("index.json") || files.has("oci-layout");
  if (!isLayout && !files.has("manifest.json")) throw neither(image);
  const shared = { ...options, layers: new Map() };
  return [
    ...(files.has("manifest.json") ? [await new DockerArchiveCheck(files, shared).check()] : []),
    ...(isLayout ? [await checkLayout(new ArchivedFiles(files), shared)] : []),
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
