/** How a binary cache is to be read, beyond what its URL says. */
import {
  requireBoolean,
  requireCount,
  requireOptions,
  requireString,
  requireStrings,
} from "../../arguments.js";
import { ArgumentError } from "../../errors.js";
import { basic, type CacheLocation } from "./cacheUrl.js";
import type { CacheFiles } from "./files.js";
import { FolderFiles } from "./folderFiles.js";
import { HttpFiles } from "./httpFiles.js";
import { loginFor } from "./netrc.js";

export interface BinaryCacheOptions {
  /** Keys to trust, `name:base64`, with those of the URL. */
  readonly trustedPublicKeys?: readonly string[];
  /** Whether a path has to be signed by a trusted key; `true` unless the URL or this says otherwise. */
  readonly requireSignatures?: boolean;
  /** Names and passwords by host; Nix's own, `/etc/nix/netrc`, unless given. */
  readonly netrcFile?: string;
  /** How many narinfos are asked for at once; 25 unless given. */
  readonly parallel?: number;
  /** How often a file is asked for at most before its failure is told; 5 unless given. */
  readonly attempts?: number;
  /** Milliseconds that a server may say nothing for; 60,000 unless given. */
  readonly silence?: number;
}

/** Timers take no longer one. */
const LARGEST = 2 ** 31 - 1;

/** @throws {LaminixError} ERR_FILE_READ for the netrc file */
export function filesOf({ place }: CacheLocation, options: BinaryCacheOptions): CacheFiles {
  if ("folder" in place) return new FolderFiles(place.folder);
  const { base } = place;
  const {
    netrcFile = `${process.env.NIX_CONF_DIR ?? "/etc/nix"}/netrc`,
    attempts = 5,
    silence = 60_000,
  } = options;
  const login = place.authorization === undefined ? loginFor(base.hostname, netrcFile) : undefined;
  const authorization = login ? basic(login.login, login.password) : place.authorization;
  return new HttpFiles({ base, authorization, attempts, silence });
}

/** @throws {ArgumentError} ERR_ARGUMENT */
export function checkOptions(options: BinaryCacheOptions): void {
  requireOptions(options);
  const { trustedPublicKeys, requireSignatures, netrcFile } = options;
  if (trustedPublicKeys !== undefined) requireStrings(trustedPublicKeys, "options.trustedPublicKeys");
  if (requireSignatures !== undefined) requireBoolean(requireSignatures, "options.requireSignatures");
  if (netrcFile !== undefined) requireString(netrcFile, "options.netrcFile");
  for (const name of ["parallel", "attempts", "silence"] as const) {
    const value = options[name];
    if (value === undefined) continue;
    requireCount(value, `options.${name}`);
    if (value === 0 || value > LARGEST)
      throw new ArgumentError(`options.${name}`, `a whole number from 1 to ${String(LARGEST)}`, value);
  }
}
