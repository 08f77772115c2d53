/** What an image runs on (OCI image-spec, image-index.md, "platform"). */

export interface Platform {
  readonly os: string;
  /** By Go's name. */
  readonly architecture: string;
  readonly variant?: string | undefined;
}

/** The architecture of an image that does not say which, and of what is no image but told beside one. */
export const UNKNOWN = "unknown";

export function platformName({ os, architecture, variant }: Platform): string {
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join("/");
}

/** The one that `platformName` gives a name; `undefined` for what is no such name. */
export function parsePlatform(name: string): Platform | undefined {
  const [, os, architecture, variant] = /^([\w.-]+)\/([\w.-]+)(?:\/([\w.-]+))?$/.exec(name) ?? [];
  return os === undefined || architecture === undefined ? undefined : { os, architecture, variant };
}

/** Go's names for what others call otherwise, and what these say of the variant. */
const OTHER_NAMES: Readonly<Record<string, Pick<Platform, "architecture" | "variant">>> = {
  i386: { architecture: "386" },
  x86_64: { architecture: "amd64" },
  "x86-64": { architecture: "amd64" },
  aarch64: { architecture: "arm64" },
  armhf: { architecture: "arm", variant: "v7" },
  armel: { architecture: "arm", variant: "v6" },
};

/** Variants that need no word: what every amd64 and every arm64 is. */
const PLAIN: Readonly<Record<string, string>> = { amd64: "v1", arm64: "v8" };

/**
 * A platform by the one name that it is compared by; no variant of it is empty. An arm of no variant is a v7
 * (containerd's package "platforms").
 */
export function normalPlatform({ os, architecture: called, variant: given }: Platform): Platform {
  const known = Object.hasOwn(OTHER_NAMES, called) ? OTHER_NAMES[called] : undefined;
  const { architecture = called } = known ?? {};
  const version = (given ?? known?.variant ?? "").replace(/^(?=\d)/, "v");
  const variant = architecture === "arm" && version === "" ? "v7" : version;
  const isPlain = variant === "" || (Object.hasOwn(PLAIN, architecture) && PLAIN[architecture] === variant);
  return { os, architecture, variant: isPlain ? undefined : variant };
}
