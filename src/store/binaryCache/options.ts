/** How a binary cache is to be read, beyond what its URL says. */
import {
  keysOf,
  requireBoolean,
  requireCount,
  requireKnown,
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
  /** Whether a path must be signed by a trusted key; default: the URL's, else `true`. */
  readonly requireSignatures?: boolean;
  /** A file with user names and passwords by host; default: Nix's, `/etc/nix/netrc`. */
  readonly netrcFile?: string;
  /**
   * Other hosts from which NARs may be fetched where a narinfo names one: `host`, for the default port of the URL's scheme,
   * or `host:port`. They do not get the cache's credentials.
   */
  readonly allowNarHosts?: readonly string[];
  /** The most narinfos requested at once; default: 25. */
  readonly parallel?: number;
  /** The most attempts at one file; default: 5. */
  readonly attempts?: number;
  /** Milliseconds of silence before a connection counts as lost; default: 60,000. */
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

const CACHE_KEYS = keysOf<BinaryCacheOptions>({
  ...{ trustedPublicKeys: true, requireSignatures: true, netrcFile: true, allowNarHosts: true },
  ...{ parallel: true, attempts: true, silence: true },
});

/** @throws {ArgumentError} ERR_ARGUMENT */
export function checkOptions(options: BinaryCacheOptions): void {
  requireKnown(options, CACHE_KEYS);
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
