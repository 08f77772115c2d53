/** The image that another is built upon. */
import { LaminixError } from "../errors.js";
import { isObject, type JsonObject } from "../image/json.js";
import type { StoredImage, StoredImages } from "../transports/storedImage.js";
import type { ImageSpec, ResolvedSpec } from "./spec.js";

/**
 * The reader is loaded for those who need it: most images have no base.
 * @throws {LaminixError} as `openImages`
 */
export async function openBase(
  { fromImage, architecture, variant }: ResolvedSpec,
  { signal }: { readonly signal?: AbortSignal | undefined },
): Promise<StoredImages | undefined> {
  if (fromImage === null) return undefined;
  const { openImages } = await import("../transports/open.js");
  return openImages(fromImage, { signal, platform: { os: "linux", architecture, variant } });
}

export function baseConfig({ configFile }: StoredImage): JsonObject | undefined {
  const config = configFile.get("config");
  return isObject(config) ? config : undefined;
}

/**
 * The spec with the base's architecture and variant where it does not say otherwise.
 * @param asked as it was before defaults were filled in
 * @throws {LaminixError} ERR_UNSUPPORTED when the base is for another system than Linux
 */
export function withBasePlatform(
  resolved: ResolvedSpec,
  asked: ImageSpec,
  base: StoredImage | undefined,
): ResolvedSpec {
  if (!base) return resolved;
  const os = base.configFile.get("os") ?? "linux";
  if (os !== "linux") {
    const found = typeof os === "string" ? os : "another system";
    throw new LaminixError("ERR_UNSUPPORTED", `the base image is for ${found}; images here are for linux`);
  }
  const architecture = base.configFile.get("architecture");
  if (typeof architecture !== "string" || architecture === "") return resolved;
  if (asked.architecture !== undefined && asked.architecture !== architecture) return resolved;
  const variant = base.configFile.get("variant");
  return {
    ...resolved,
    architecture,
    variant: resolved.variant ?? (typeof variant === "string" && variant !== "" ? variant : undefined),
  };
}
