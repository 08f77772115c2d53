/** URLs of binary caches, with Nix's parameters. */
import { LaminixError } from "../../errors.js";
import { Authorization } from "../../http/authorization.js";
import { redactUrl } from "../../redact.js";
import { checkStoreDir } from "../storePath.js";
import { decoded, flagOf, parametersOf, splitOnce, unknownParameter } from "../urlParameters.js";

export interface CacheLocation {
  /** The URL as given, without a password. */
  readonly url: string;
  readonly place:
    { readonly folder: string } | { readonly base: URL; readonly authorization: Authorization | undefined };
  readonly trustedPublicKeys: readonly string[];
  /** What is trusted where nobody says what to trust. */
  readonly defaultPublicKeys: readonly string[];
  readonly requireSignatures: boolean;
  /** What the store's directory must be, where it was said. */
  readonly storeDir: string | undefined;
  /** In place of what the cache says. */
  readonly priority: number | undefined;
  readonly wantMassQuery: boolean | undefined;
}

/** What Nix itself trusts unless told otherwise; here only for the cache whose key it is. */
const NIXOS_KEY = "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=";

/** Parameters that have a meaning when a cache is read. */
const READING = ["trusted-public-keys", "require-sigs", "trusted", "store", "priority", "want-mass-query"];
/** Parameters of Nix's that say how a cache is written, or where Nix itself keeps something: nothing to do here. */
const WRITING = [
  ...["compression", "compression-level", "parallel-compression", "secret-key", "secret-keys"],
  ...["write-nar-listing", "write-debug-info", "index-debug-info", "local-nar-cache", "path-info-cache-size"],
  ...["narinfo-compression", "ls-compression", "log-compression", "system-features"],
];

/**
 * @param url `file:///folder`, `http://…` or `https://…`, with parameters
 * @throws {LaminixError} ERR_STORE_URL
 */
export function parseCacheUrl(url: string): CacheLocation {
  const refuse = (why: string): LaminixError => unsupported(url, why);
  const [address, query = ""] = splitOnce(url, "?");
  const { place, shown } = placeOf(address, refuse);
  const parameters = parametersOf(query, refuse);
  const unknown = parameters.find(([name]) => !READING.includes(name) && !WRITING.includes(name));
  if (unknown) throw refuse(unknownParameter(url, unknown[0]));
  const get = (name: string): string | undefined => parameters.findLast(([key]) => key === name)?.[1];
  const flag = (name: string): boolean | undefined => {
    const value = get(name);
    return value === undefined ? undefined : flagOf(name, value, refuse);
  };
  const priority = get("priority");
  if (priority !== undefined && !/^\d{1,9}$/.test(priority)) throw refuse("its priority is not a number");
  const storeDir = get("store");
  const keys = parameters.flatMap(([name, value]) =>
    name === "trusted-public-keys" ? value.split(/\s+/) : [],
  );
  return {
    url: query === "" ? shown : `${shown}?${query}`,
    place,
    trustedPublicKeys: keys.filter(Boolean),
    defaultPublicKeys: "base" in place && place.base.hostname === "cache.nixos.org" ? [NIXOS_KEY] : [],
    requireSignatures: (flag("require-sigs") ?? true) && !(flag("trusted") ?? false),
    storeDir: storeDir === undefined ? undefined : checkStoreDir(storeDir),
    priority: priority === undefined ? undefined : Number(priority),
    wantMassQuery: flag("want-mass-query"),
  };
}

function placeOf(
  address: string,
  refuse: (why: string) => LaminixError,
): { readonly place: CacheLocation["place"]; readonly shown: string } {
  const [, scheme = "", rest = ""] = /^([a-z]+):\/\/(.*)$/i.exec(address) ?? [];
  if (scheme === "file") {
    const folder = decoded(rest, refuse).replace(/(?<=.)\/+$/, "");
    if (!folder.startsWith("/")) throw refuse("its folder is not an absolute path");
    return { place: { folder }, shown: address };
  }
  if ((scheme !== "http" && scheme !== "https") || !URL.canParse(address))
    throw refuse("only file://, http:// and https:// are known");
  const base = new URL(address.replace(/\/*$/, "/"));
  const { username, password } = base;
  base.username = base.password = base.hash = "";
  const authorization =
    username === ""
      ? undefined
      : Authorization.basic(base, decoded(username, refuse), decoded(password, refuse));
  return { place: { base, authorization }, shown: base.href.replace(/\/$/, "") };
}

function unsupported(url: string, why: string): LaminixError {
  const shown = redactUrl(url);
  return new LaminixError(
    "ERR_STORE_URL",
    `${JSON.stringify(shown)} is not a binary cache that can be opened: ${why}`,
    { hint: "use file:///folder, http://host or https://host", details: { url: shown } },
  );
}
