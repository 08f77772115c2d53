/** dockerTools' `buildImage`: an image with everything in one layer, in a file. */
import { requireKnown } from "../../arguments.js";
import type { BuildFileOptions, ImageFile } from "./imageFile.js";
import type { SingleLayerSpec } from "../../spec/singleLayerSpec.js";

/**
 * Writes an image with one layer on top of the base: copies of `copyToRoot`, what the commands make of them, and
 * the closure of store paths that these and the configuration name.
 * @throws {LaminixError} ERR_SPEC, ERR_SPEC_UNKNOWN_KEY, ERR_PATH_NOT_VALID, ERR_OUTSIDE_STORE, ERR_STORE_PATH,
 *   ERR_ARCHIVE for the base image, ERR_SCRIPT and ERR_PROGRAM for commands, ERR_FILE_WRITE, and what connecting to the
 *   store can throw
 */
export async function buildImage(spec: SingleLayerSpec, options: BuildFileOptions): Promise<ImageFile> {
  const { FILE_KEYS, openImageOutput, writeImageFile } = await import("./imageFile.js");
  requireKnown(options, FILE_KEYS);
  const { singleLayerImage } = await import("./singleLayerImage.js");
  await using output = await openImageOutput(options);
  await using image = await singleLayerImage(spec, options);
  return await writeImageFile(image, output, options);
}
