/** dockerTools' `buildLayeredImage`: an image of store paths in many layers, in a file. */
import { requireKnown } from "../../arguments.js";
import type { BuildFileOptions, ImageFile } from "./imageFile.js";
import type { ImageSpec } from "../../spec/spec.js";

/**
 * What `streamLayeredImage` makes, written to a file as a docker-archive that is compressed with the spec's
 * `compressor`, gzip unless given; or as an OCI layout whose layers are compressed with its `layerCompression`, gzip
 * unless given. The output is there whole or not at all.
 * @throws {LaminixError} ERR_SPEC, ERR_FILE_WRITE, ERR_ADDON_MISSING, and all that
 *   `streamLayeredImage` and reading its image can throw
 */
export async function buildLayeredImage(spec: ImageSpec, options: BuildFileOptions): Promise<ImageFile> {
  const { FILE_KEYS, openImageOutput, writeImageFile } = await import("./imageFile.js");
  const { layeredImage } = await import("./layeredImage.js");
  requireKnown(options, FILE_KEYS);
  await using output = await openImageOutput(options);
  await using image = await layeredImage(spec, options);
  return await writeImageFile(image, output, options);
}
