/** Images in files. */
import { ArgumentError } from "../errors.js";
import { requireOptions, requireString } from "../arguments.js";
import type { Compressor } from "../compress/compress.js";
import { writeFileWhole } from "../transports/file.js";
import type { BuildOptions } from "./buildOptions.js";
import type { BuiltImage } from "./builtImage.js";
import type { PlannedLayer } from "./plan.js";

export interface BuildFileOptions extends BuildOptions {
  /** The file to write. What was there before stays until the new one is whole. */
  readonly output: string;
  /** Threads that hash layers, and as many that compress, at the most; one for each core unless given. */
  readonly jobs?: number | undefined;
}

/** An image that has been written to a file. */
export interface ImageFile {
  /** The file, as it was asked for. */
  readonly path: string;
  /** The file's size in bytes. */
  readonly size: number;
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
  if (options.output === "") throw new ArgumentError("options.output", "the name of a file", options.output);
}

/**
 * Writes the docker-archive, which is there whole or not at all.
 * @throws {LaminixError} ERR_FILE_WRITE, ERR_UNSUPPORTED where there is no zstd, and what reading the image can throw
 */
export async function writeImageFile(
  image: BuiltImage,
  { output, signal, jobs }: BuildFileOptions,
  compression: Compressor = image.compressor,
): Promise<ImageFile> {
  const size = await writeFileWhole(output, image.pieces(), { compression, signal, jobs });
  const { imageName, imageTag, layers, passthru } = image;
  return { path: output, size, imageName, imageTag, layers, passthru };
}
