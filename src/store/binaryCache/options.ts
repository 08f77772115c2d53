/** How a binary cache is to be read, beyond what its URL says. */
import {
  requireBoolean,
  requireCount,
  requireOptions,
  requireString,
  requireStrings,
} from "../../arguments.js";
import { ArgumentError } from "../../errors.js";
import { Authorization } from "../../http/authorization.js";
import type { CacheLocation } from "./cacheUrl.js";
import type { CacheFiles } from "./files.js";
import { FolderFiles } from "./folderFiles.js";
import { HttpFiles, HttpReader } from "./httpFiles.js";
import { isHost, NarFiles } from "./narFiles.js";
import { loginFor } from "./netrc.js";

export interface BinaryCacheOptions {
  /** Keys to trust, `name:base64`, with those of the URL. */
  readonly trustedPublicKeys?: readonly string[];
  /** Whether a path has to be signed by a trusted key; `true` unless the URL or this says otherwise. */
  readonly requireSignatures?: boolean;
  /** Names and passwords by host; Nix's own, `/etc/nix/netrc`, unless given. */
  readonly netrcFile?: string;
  /**
   * Other hosts from which NARs may be fetched where a narinfo names one: `host`, for the default port of the URL's scheme,
   * or `host:port`. They do not get the cache's credentials.
   */
  readonly allowNarHosts?: readonly string[];
  /** How many narinfos are asked for at once; 25 unless given. */
  readonly parallel?: number;
  /** How often a file is asked for at most before its failure is told; 5 unless given. */
  readonly attempts?: number;
  /** Milliseconds that a server may say nothing for; 60,000 unless given. */
  readonly silence?: number;
}

/** Timers take no longer one. */
const LARGEST = 2 ** 31 - 1;

/**
 * The cache's own files, and its NARs, which may be elsewhere.
 * @throws {LaminixError} ERR_FILE_READ for the netrc file
 */
export function filesOf(
  { place }: CacheLocation,
  options: BinaryCacheOptions,
): { readonly files: CacheFiles; readonly nars: NarFiles; readonly reader: HttpReader } {
  const { allowNarHosts = [], attempts = 5, silence = 60_000 } = options;
  const base = "base" in place ? place.base : undefined;
  const authorization = "base" in place ? (place.authorization ?? loginOf(place.base, options)) : undefined;
  const reader = new HttpReader({ authorization, attempts, silence });
  const files = "base" in place ? new HttpFiles(place.base, reader) : new FolderFiles(place.folder);
  return { files, nars: new NarFiles(files, reader, { base, allowed: allowNarHosts }), reader };
}

function loginOf(base: URL, { netrcFile }: BinaryCacheOptions): Authorization | undefined {
  const file = netrcFile ?? `${process.env.NIX_CONF_DIR ?? "/etc/nix"}/netrc`;
  const found = loginFor(base.hostname, file);
  return found && Authorization.basic(base, found.login, found.password);
}

/** @throws {ArgumentError} ERR_ARGUMENT */
export function checkOptions(options: BinaryCacheOptions): void {
  requireOptions(options);
  const { trustedPublicKeys, requireSignatures, netrcFile, allowNarHosts } = options;
  if (trustedPublicKeys !== undefined) requireStrings(trustedPublicKeys, "options.trustedPublicKeys");
  if (requireSignatures !== undefined) requireBoolean(requireSignatures, "options.requireSignatures");
  if (netrcFile !== undefined) requireString(netrcFile, "options.netrcFile");
  if (allowNarHosts !== undefined) {
    requireStrings(allowNarHosts, "options.allowNarHosts");
    for (const [i, host] of allowNarHosts.entries())
      if (!isHost(host)) throw new ArgumentError(`options.allowNarHosts[${i}]`, "a host, or host:port", host);
  }
  for (const name of ["parallel", "attempts", "silence"] as const) {
    const value = options[name];
    if (value === undefined) continue;
    requireCount(value, `options.${name}`);
    if (value === 0 || value > LARGEST)
      throw new ArgumentError(`options.${name}`, `a whole number from 1 to ${String(LARGEST)}`, value);
  }
}
