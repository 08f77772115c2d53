/** What an image runs on (OCI image-spec, image-index.md, "platform"). */

export interface Platform {
  readonly os: string;
  /** By Go's name. */
  readonly architecture: string;
  readonly variant?: string | undefined;
}

export function platformName({ os, architecture, variant }: Platform): string {
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join("/");
}

/**
 * Those that are for a platform. Where no variant is wanted and there are several, it is the plain one's turn, then
 * the newest's.
 */
export function forPlatform<T extends { readonly platform: Platform }>(
  items: readonly T[],
  wanted: Platform,
): T[] {
  const variantOf = ({ platform }: T): string => normalVariant(platform);
  const matching = items.filter(
    ({ platform }) => platform.os === wanted.os && platform.architecture === wanted.architecture,
  );
  if (wanted.variant !== undefined) {
    return matching.filter((item) => variantOf(item) === normalVariant(wanted));
  }
  const variants = [...new Set(matching.map(variantOf))].sort();
  const best = variants.includes("") ? "" : variants.at(-1);
  return matching.filter((item) => variantOf(item) === best);
}

/** v8 is what every arm64 is. */
function normalVariant({ architecture, variant = "" }: Platform): string {
  return architecture === "arm64" && variant === "v8" ? "" : variant;
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
