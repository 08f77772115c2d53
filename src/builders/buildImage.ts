/** dockerTools' `buildImage`, into a file. */
import { requireOptions, requireString } from "../arguments.js";
import { writeFileWhole } from "../transports/file.js";
import type { BuildOptions } from "./buildOptions.js";
import { singleLayerImage } from "./singleLayerImage.js";
import type { SingleLayerSpec } from "./singleLayerSpec.js";

/** An image that has been written to a file. */
export interface ImageFile {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly imageName: string;
  readonly imageTag: string;
  readonly passthru: Readonly<Record<string, unknown>>;
}

/**
 * Writes a docker-archive with one layer of everything on top of the base: copies of `copyToRoot`, what the commands
 * make of them, and the closure of store paths that these and the configuration name.
 * @throws {LaminixError} ERR_SPEC, ERR_SPEC_UNKNOWN_KEY, ERR_PATH_NOT_VALID, ERR_OUTSIDE_STORE, ERR_STORE_PATH,
 *   ERR_ARCHIVE for the base image, ERR_SCRIPT and ERR_PROGRAM for commands, ERR_FILE_WRITE, and what connecting to the
 *   store can throw
 */
export async function buildImage(
  spec: SingleLayerSpec,
  options: BuildOptions & { readonly output: string },
): Promise<ImageFile> {
  requireOptions(options);
  const { output: path, signal } = options;
  requireString(path, "options.output");
  await using image = await singleLayerImage(spec, options);
  const { imageName, imageTag, passthru, compressor } = image;
  const size = await writeFileWhole(path, image.pieces(), { compression: compressor, signal });
  return { path, size, imageName, imageTag, passthru };
}
