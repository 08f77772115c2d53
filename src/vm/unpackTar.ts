/** How GNU tar unpacks trees: with all that a file has. */
import type { Mapping } from "./mapping.js";

/** Extended attributes that files keep, and one of overlayfs's own. */
export const ATTRIBUTES = [
  "--xattrs",
  "--xattrs-include=user.*",
  "--xattrs-include=security.capability",
  "--xattrs-include=trusted.overlay.opaque",
] as const;

/** Where one user is all that there is, every file is his. */
export function unpackArguments(file: string, folder: string, { kind }: Pick<Mapping, "kind">): string[] {
  return [
    ...["--force-local", "--extract", "--numeric-owner", "--preserve-permissions"],
    kind === "alone" ? "--no-same-owner" : "--same-owner",
    ...ATTRIBUTES,
    ...[`--file=${file}`, `--directory=${folder}`],
  ];
}
