/** The platform that is wanted, and those that there are. */
import { LaminixError } from "../errors.js";
import { textIn } from "../image/fields.js";
import type { JsonObject } from "../bytes/json.js";
import { normalPlatform, type Platform, platformName, UNKNOWN } from "../image/platform.js";

/** The one that a configuration or a descriptor tells of. An image that does not say is for Linux, as with Docker. */
export function platformOf(object: JsonObject): Platform {
  return {
    os: textIn(object, "os") ?? "linux",
    architecture: textIn(object, "architecture") ?? UNKNOWN,
    variant: textIn(object, "variant"),
  };
}

/**
 * Those that are for a platform. Where no variant is wanted and there are several, it is the turn of what the architecture
 * means without one, then of the newest below that, then of the newest.
 */
export function forPlatform<T extends { readonly platform: Platform }>(
  items: readonly T[],
  wanted: Platform,
): T[] {
  const { os, architecture, variant: usual = "" } = normalPlatform(wanted);
  const matching = items.flatMap((item) => {
    const platform = normalPlatform(item.platform);
    return platform.os === os && platform.architecture === architecture
      ? [{ item, variant: platform.variant ?? "" }]
      : [];
  });
  const variants = matching.map(({ variant }) => variant).sort();
  const best = variants.findLast((variant) => variant <= usual) ?? variants.at(-1);
  const chosen = wanted.variant === undefined ? best : usual;
  return matching.filter(({ variant }) => variant === chosen).map(({ item }) => item);
}

/** Which of several platforms is meant. */
export interface PlatformChoice {
  /** This machine's, on Linux, unless given. */
  readonly platform?: Platform | "all" | undefined;
  /** Whether an image that there is for one platform only has to be for the wanted one. */
  readonly strict?: boolean | undefined;
}

/**
 * Of what is called the same, that for the wanted platform.
 * @param path for errors
 * @throws {LaminixError} ERR_ARCHIVE
 */
export function chosenPlatform<T extends { readonly platform: Platform }>(
  items: readonly T[],
  { platform: wanted = { os: "linux", architecture: hostArchitecture() }, strict = false }: PlatformChoice,
  path: string,
): readonly T[] {
  if (wanted === "all") return items;
  const platforms = [...new Set(items.map(({ platform }) => platformName(platform)))];
  if (platforms.length === 1 && !strict) return items;
  const chosen = forPlatform(items, wanted);
  if (chosen.length > 0) return chosen;
  throw new LaminixError(
    "ERR_ARCHIVE",
    `${path} has no image for ${platformName(wanted)}, only for ${platforms.join(", ")}`,
    {
      details: { path, wanted: platformName(wanted), platforms },
      hint: `use --os, --arch and --variant (in a spec: architecture and variant) with one of: ${platforms.join(", ")}`,
    },
  );
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
