/** Images in files. */
import { ArgumentError } from "../../errors.js";
import { keysOf, requireOneOf, requireOptions, requireString } from "../../arguments.js";
import type { Compressor } from "../../compress/compressors.js";
import { openOutput } from "../../files/output.js";
import type { Output } from "../../files/outputTarget.js";
import type { Digest } from "../../bytes/digest.js";
import { writeArchive } from "../../transports/file.js";
import { LayoutFolder } from "../../transports/ociLayout/layoutFolder.js";
import { BUILD_KEYS, type BuildOptions } from "../../planning/buildOptions.js";
import type { BuiltImage } from "./builtImage.js";
import type { PlannedLayer } from "../../planning/plan.js";

/** What an image is written as: an archive that Docker loads, one of an OCI layout, or the folder of an OCI layout. */
export const IMAGE_FORMATS = ["docker-archive", "oci-archive", "oci-dir"] as const;
export type ImageFormat = (typeof IMAGE_FORMATS)[number];

export interface BuildFileOptions extends BuildOptions {
  /**
   * The file to write. A regular file is replaced when the new one is whole, and keeps its mode; a symbolic link is followed;
   * a named pipe or a character device is written through. Or the folder, which is made; where it is an OCI layout already
   * the image is added to it.
   */
  readonly output: string;
  /** Default: docker-archive. */
  readonly format?: ImageFormat | undefined;
  /** Threads that hash layers, and as many that compress, at the most; one for each core unless given. */
  readonly jobs?: number | undefined;
}

export const FILE_KEYS = [
  ...BUILD_KEYS,
  ...keysOf<Omit<BuildFileOptions, keyof BuildOptions>>({ output: true, format: true }),
];

/** An image that has been written to a file. */
export interface ImageFile {
  /** The file, as it was asked for. */
  readonly path: string;
  /** The file's size in bytes; of a folder that of the image's blobs. */
  readonly size: number;
  /** Of the image's manifest, which a docker-archive does not have. */
  readonly digest?: Digest;
  readonly imageName: string;
  readonly imageTag: string;
  /** The layers of store paths, bottom first; none where the image has one layer of everything. */
  readonly layers: readonly PlannedLayer[];
  readonly passthru: Readonly<Record<string, unknown>>;
}

/** A place for an image that has been found good. */
export type ImageOutput = Output | LayoutFolder;

/**
 * Checks the place, before the work begins.
 * @throws {ArgumentError} ERR_ARGUMENT
 * @throws {LaminixError} ERR_FILE_WRITE
 */
export async function openImageOutput(options: BuildFileOptions): Promise<ImageOutput> {
  requireOptions(options);
  requireString(options.output, "options.output");
  if (options.format !== undefined) requireOneOf(options.format, IMAGE_FORMATS, "options.format");
  if (options.output === "") throw new ArgumentError("options.output", "the name of a file", options.output);
  const { output, format, signal } = options;
  if (format === "oci-dir") return LayoutFolder.at(output);
  return openOutput(output, { signal, content: "archive" });
}

/**
 * Writes the image, which is there whole or not at all.
 * @param compression of an archive; unless given, the spec's for a docker-archive, and none for an OCI layout, whose layers
 *   are compressed
 * @throws {LaminixError} ERR_FILE_WRITE, ERR_ADDON_MISSING, and what reading the image can throw
 */
export async function writeImageFile(
  image: BuiltImage,
  output: ImageOutput,
  { format = "docker-archive", signal, jobs }: Omit<BuildFileOptions, "output">,
  compression: Compressor = format === "docker-archive" ? image.compressor : "none",
): Promise<ImageFile> {
  const { imageName, imageTag, layers, passthru } = image;
  const known = { path: output.path, imageName, imageTag, layers, passthru };
  if (output instanceof LayoutFolder) return { ...known, ...(await image.writeTo(output, { signal, jobs })) };
  let digest: Digest | undefined;
  const pieces = image.pieces({
    format: format === "oci-archive" ? format : "docker-archive",
    signal,
    jobs,
    onDigest: (found) => (digest = found),
  });
  const parts = format === "docker-archive" ? () => image.parts({ signal, jobs }) : undefined;
  const size = await writeArchive(output, pieces, { compression, signal, jobs, parts });
  return { ...known, size, ...(digest && { digest }) };
}
