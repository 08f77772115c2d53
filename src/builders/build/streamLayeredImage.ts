/** dockerTools' `streamLayeredImage`: an image of store paths in many layers, made as it is read. */
import { requireKnown } from "../../arguments.js";
import { BUILD_KEYS, type BuildOptions } from "../../planning/buildOptions.js";
import type { ImageSpec } from "../../spec/spec.js";
import type { BuiltImage } from "./builtImage.js";

/**
 * Plans an image; its bytes are made when they are read. Commands of the spec run now.
 * @throws {LaminixError} ERR_SPEC, ERR_SPEC_UNKNOWN_KEY, ERR_LAYER_BUDGET, ERR_PATH_NOT_VALID, ERR_OUTSIDE_STORE,
 *   ERR_STORE_PATH, ERR_ARCHIVE for the base image and previous ones, ERR_REGISTRY, ERR_REGISTRY_AUTH and
 *   ERR_REGISTRY_UNREACHABLE for those in registries, ERR_SCRIPT and ERR_PROGRAM for commands, and what connecting to the
 *   store can throw
 */
export async function streamLayeredImage(spec: ImageSpec, options: BuildOptions = {}): Promise<BuiltImage> {
  requireKnown(options, BUILD_KEYS);
  const { layeredImage } = await import("./layeredImage.js");
  return layeredImage(spec, options);
}
