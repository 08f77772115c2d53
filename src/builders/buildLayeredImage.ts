/** dockerTools' `buildLayeredImage`: an image of store paths in many layers, in a file. */
import { requireString } from "../arguments.js";
import { writeFileWhole } from "../transports/file.js";
import { type BuildOptions, checkBuildOptions } from "./buildOptions.js";
import type { PlannedLayer } from "./plan.js";
import { type ImageSpec, resolveSpec } from "./spec.js";
import { streamLayeredImage } from "./streamLayeredImage.js";

export interface BuildFileOptions extends BuildOptions {
  /** The file to write. What was there before stays until the new one is whole. */
  readonly output: string;
  /** Threads that hash layers, and as many that compress, at the most; one for each core unless given. */
  readonly jobs?: number | undefined;
}

/** An image in a file. */
export interface BuiltImage {
  /** The file, as it was asked for. */
  readonly path: string;
  /** The file's size in bytes. */
  readonly size: number;
  readonly imageName: string;
  readonly imageTag: string;
  /** The layers of store paths, bottom first. */
  readonly layers: readonly PlannedLayer[];
  readonly passthru: Readonly<Record<string, unknown>>;
}

/**
 * What `streamLayeredImage` makes, written to a file as a docker-archive that is compressed with the spec's
 * `compressor`, gzip unless given. The file is there whole or not at all.
 * @throws {LaminixError} ERR_SPEC, ERR_FILE_WRITE, ERR_UNSUPPORTED where there is no zstd, and all that
 *   `streamLayeredImage` and reading its image can throw
 */
export async function buildLayeredImage(spec: ImageSpec, options: BuildFileOptions): Promise<BuiltImage> {
  checkBuildOptions(options);
  const { output, signal, jobs } = options;
  requireString(output, "options.output");
  const { compressor } = resolveSpec(spec);
  await using image = await streamLayeredImage(spec, options);
  const size = await writeFileWhole(output, image.pieces(), { compression: compressor, signal, jobs });
  const { imageName, imageTag, layers, passthru } = image;
  return { path: output, size, imageName, imageTag, layers, passthru };
}
