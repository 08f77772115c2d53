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

/** v8 is what every arm64 is. */
export function normalVariant({ architecture, variant = "" }: Platform): string {
  return architecture === "arm64" && variant === "v8" ? "" : variant;
}
