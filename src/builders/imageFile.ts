/** Images in files. */
import { ArgumentError } from "../errors.js";
import { requireOneOf, requireOptions, requireString } from "../arguments.js";
import type { Compressor } from "../compress/compressors.js";
import { writeFileWhole } from "../transports/file.js";
import type { Digest } from "../image/layer.js";
import type { BuildOptions } from "./buildOptions.js";
import type { BuiltImage } from "./builtImage.js";
import type { PlannedLayer } from "./plan.js";

/** What an image is written as: an archive that Docker loads, one of an OCI layout, or the folder of an OCI layout. */
export const IMAGE_FORMATS = ["docker-archive", "oci-archive", "oci-dir"] as const;
export type ImageFormat = (typeof IMAGE_FORMATS)[number];

export interface BuildFileOptions extends BuildOptions {
  /**
   * The file to write; what was there before stays until the new one is whole. Or the folder, which is made; where it is an
   * OCI layout already the image is added to it.
   */
  readonly output: string;
  /** A docker-archive unless given. */
  readonly format?: ImageFormat | undefined;
  /** Threads that hash layers, and as many that compress, at the most; one for each core unless given. */
  readonly jobs?: number | undefined;
}

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

/** @throws {ArgumentError} ERR_ARGUMENT */
export function checkOutput(options: BuildFileOptions): void {
  requireOptions(options);
  requireString(options.output, "options.output");
  if (options.format !== undefined) requireOneOf(options.format, IMAGE_FORMATS, "options.format");
  if (options.output === "") throw new ArgumentError("options.output", "the name of a file", options.output);
}

/**
 * Writes the image, which is there whole or not at all.
 * @param compression of an archive; unless given, the spec's for a docker-archive, and none for an OCI layout, whose layers
 *   are compressed
 * @throws {LaminixError} ERR_FILE_WRITE, ERR_UNSUPPORTED where there is no zstd, and what reading the image can throw
 */
export async function writeImageFile(
  image: BuiltImage,
  { output, format = "docker-archive", signal, jobs }: BuildFileOptions,
  compression: Compressor = format === "docker-archive" ? image.compressor : "none",
): Promise<ImageFile> {
  const { imageName, imageTag, layers, passthru } = image;
  const known = { path: output, imageName, imageTag, layers, passthru };
  if (format === "oci-dir") return { ...known, ...(await image.writeLayout(output, { signal, jobs })) };
  let digest: Digest | undefined;
  const pieces = image.pieces({ format, signal, jobs, onDigest: (found) => (digest = found) });
  const size = await writeFileWhole(output, pieces, { compression, signal, jobs });
  return { ...known, size, ...(digest && { digest }) };
}
