/** The platform that is wanted, and those that there are. */
import { textIn } from "../image/fields.js";
import type { JsonObject } from "../image/json.js";
import { normalVariant, type Platform } from "../image/platform.js";

export { type Platform, platformName } from "../image/platform.js";

/** The one that a configuration or a descriptor tells of. An image that does not say is for Linux, as with Docker. */
export function platformOf(object: JsonObject): Platform {
  return {
    os: textIn(object, "os") ?? "linux",
    architecture: textIn(object, "architecture") ?? UNKNOWN,
    variant: textIn(object, "variant"),
  };
}

/** The architecture of an image that does not say which, and of what is no image but told beside one. */
export const UNKNOWN = "unknown";

/**
 * Those that are for a platform. Where no variant is wanted and there are several, it is the plain one's turn, then
 * the newest's.
 */
export function forPlatform<T extends { readonly platform?: Platform | undefined }>(
  items: readonly T[],
  wanted: Platform,
): T[] {
  const variantOf = ({ platform }: T): string => (platform ? normalVariant(platform) : "");
  const matching = items.filter(
    ({ platform }) => platform?.os === wanted.os && platform.architecture === wanted.architecture,
  );
  if (wanted.variant !== undefined) {
    return matching.filter((item) => variantOf(item) === normalVariant(wanted));
  }
  const variants = [...new Set(matching.map(variantOf))].sort();
  const best = variants.includes("") ? "" : variants.at(-1);
  return matching.filter((item) => variantOf(item) === best);
}

/** The one that parts of it stand for: on Linux, and this machine's, unless they say so; `undefined` where none says anything. */
export function platformAsked({
  os,
  architecture,
  variant,
}: Readonly<Partial<Record<keyof Platform, string | undefined>>>): Platform | undefined {
  if (os === undefined && architecture === undefined && variant === undefined) return undefined;
  return { os: os ?? "linux", architecture: architecture ?? hostArchitecture(), variant };
}

/** This machine's architecture by Go's name. */
export function hostArchitecture(): string {
  const names: Partial<Record<NodeJS.Architecture, string>> = {
    x64: "amd64",
    ia32: "386",
    ppc64: "ppc64le",
    mipsel: "mipsle",
  };
  return names[process.arch] ?? process.arch;
}
