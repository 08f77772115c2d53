/** Which image is meant where there are several platforms, as verbs that take one are told. */
import { requireString } from "../arguments.js";
import { platformAsked, type PlatformChoice } from "../manifests/platform.js";

export interface PlatformParts {
  /** Of the image; `linux` unless given. */
  readonly os?: string | undefined;
  /** By Go's name; this machine's unless given. */
  readonly architecture?: string | undefined;
  readonly variant?: string | undefined;
}

export const platformChecks = { os: requireString, architecture: requireString, variant: requireString };

/** An image that is there for one platform only is taken whatever that is, unless one is asked for. */
export function platformChoice(parts: PlatformParts): PlatformChoice {
  const platform = platformAsked(parts);
  return { platform, strict: platform !== undefined };
}
