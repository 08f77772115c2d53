/** dockerTools' `exportImage`: an image's root file system as one tar. */
import { checkGiven, keysOf, requireKnown, requireString } from "../arguments.js";
import { LaminixError, named } from "../errors.js";
import type { Image, NamedImage } from "../image/image.js";
import { STORE_TIME } from "../image/time.js";
import { chosenPlatform } from "../manifests/platform.js";
import { platformChecks, platformChoice, type PlatformParts } from "./platformOptions.js";
import { requireUnpackable, type UnpackBudget } from "../transports/unpackBudget.js";
import type { BuiltImage } from "./build/builtImage.js";

export interface ExportOptions extends PlatformParts {
  readonly signal?: AbortSignal | undefined;
  /** `name:tag` of the image that is meant where an archive has several; the first unless given. */
  readonly reference?: string | undefined;
  /** The most bytes of images in temporary files, in all; default: 64 GiB. */
  readonly maxUnpacked?: number | UnpackBudget | undefined;
}

const KEYS = keysOf<ExportOptions & { readonly output: string }>({
  ...{ os: true, architecture: true, variant: true, signal: true, reference: true, maxUnpacked: true },
  output: true,
});

/**
 * Writes the root that a container of the image would have, whiteouts applied, as an uncompressed tar: names in order,
 * owners, modes, times and attributes as in the layers; of hard links to one file the first is the file. No root, no
 * virtual machine.
 * @param image a docker-archive or an OCI layout on this disk, or an image that was built here
 * @returns the file's size in bytes
 * @throws {LaminixError} ERR_ARCHIVE, ERR_DIGEST, ERR_FILE_READ, ERR_FILE_WRITE, ERR_UNSUPPORTED, and what opening the
 *   image throws
 */
export async function exportImage(
  image: string | BuiltImage,
  options: ExportOptions & { readonly output: string },
): Promise<{ readonly path: string; readonly size: number }> {
  requireKnown(options, KEYS);
  requireString(options.output, "options.output");
  checkGiven(options, "options", {
    ...platformChecks,
    reference: requireString,
    maxUnpacked: requireUnpackable,
  });
  const { output: path, signal } = options;
  const { openOutput } = await import("../files/output.js");
  const { writeArchive } = await import("../transports/file.js");
  await using output = await openOutput(path, { signal, content: "archive" });
  const size = await writeArchive(output, exportPieces(image, options), { compression: "none", signal });
  return { path, size };
}

/** The same tar in pieces. */
export async function* exportPieces(
  image: string | BuiltImage,
  options: ExportOptions = {},
): AsyncGenerator<Uint8Array> {
  const { signal, reference, maxUnpacked } = options;
  if (typeof image !== "string") {
    const [only] = chosenPlatform([image.image], platformChoice(options), image.reference);
    const named = { image: only as Image, references: [image.reference] };
    yield* rootPieces(chosen([named], image.reference, reference), signal);
    return;
  }
  const { openImages } = await import("../transports/open.js");
  using images = await openImages(image, { signal, maxUnpacked, ...platformChoice(options) });
  yield* rootPieces(chosen(images.images, image, reference), signal);
}

async function* rootPieces(image: Image, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  const resources: Disposable[] = [];
  const adopt = (resource: Disposable): void => {
    resources.push(resource);
  };
  try {
    const { imageRoot } = await import("../root/imageRoot.js");
    const { treePieces } = await import("../tree/tar.js");
    const { Fingerprint } = await import("../tar/fingerprint.js");
    const root = await imageRoot(image, { signal, adopt });
    yield* treePieces(root, { mtime: STORE_TIME, signal, hardLinks: "keep", fingerprint: new Fingerprint() });
  } finally {
    for (const resource of resources) resource[Symbol.dispose]();
  }
}

function chosen(images: readonly NamedImage[], path: string, reference: string | undefined): Image {
  const found =
    reference === undefined ? images[0] : images.find((each) => each.references.includes(reference));
  if (found) return found.image;
  const known = images.flatMap((each) => each.references);
  throw new LaminixError("ERR_ARCHIVE", `${path} has no image ${named(String(reference))}`, {
    details: { path, reference, known },
    hint: known.length === 0 ? "its images have no names" : `it has ${known.join(", ")}`,
  });
}
