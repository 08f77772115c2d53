/** URLs of stores behind SSH: `ssh-ng://[user@]host[:port][?parameter=value&…]`. */
import { LaminixError } from "../errors.js";
import { redactUrl } from "../redact.js";
import { decoded, parametersOf, splitOnce } from "./urlParameters.js";

export interface SshUrl {
  /** As it was given. */
  readonly url: string;
  readonly user: string | undefined;
  /** A name or an address; one of IPv6 without its brackets. */
  readonly host: string;
  readonly port: number | undefined;
  readonly parameters: ReadonlyMap<string, string>;
}

const SCHEME = "ssh-ng://";

/**
 * User, host and values may have `%` and two hexadecimal digits for a byte; a `+` is a plus (RFC 3986), as base 64 has
 * them.
 * @throws {LaminixError} ERR_STORE_URL
 */
export function parseSshUrl(url: string): SshUrl {
  const [address, query = ""] = splitOnce(url, "?");
  const refuse = (why: string): LaminixError => refusedUrl(url, why);
  if (!address.startsWith(SCHEME)) throw refusedUrl(url, `it does not begin with ${SCHEME}`);
  const authority = address.slice(SCHEME.length);
  const at = authority.lastIndexOf("@");
  const user = at === -1 ? undefined : decoded(authority.slice(0, at), refuse);
  const place = authority.slice(at + 1);
  const match = /^(?:\[([^[\]]+)\]|([^:/[\]]*))(?::(\d+))?$/.exec(place);
  if (!match) {
    throw refusedUrl(
      url,
      place.includes("/")
        ? "there is a path after the host"
        : "what it names is not a host, or a host and a port",
      "an address of IPv6 stands in brackets: ssh-ng://[::1]:22",
    );
  }
  const host = decoded(match[1] ?? match[2] ?? "", refuse);
  checkName(url, "host", host);
  if (user !== undefined) checkName(url, "user", user);
  if (user?.includes(":"))
    throw refusedUrl(url, "there is a password in it", "ssh asks for passwords itself");
  const port = match[3] === undefined ? undefined : Number(match[3]);
  if (port !== undefined && (port < 1 || port > 65_535)) throw refusedUrl(url, `there is no port ${port}`);
  return { url, user, host, port, parameters: uniqueParameters(query, refuse) };
}

/** ssh would take what begins with a dash for an option. */
function checkName(url: string, what: string, name: string): void {
  if (name === "") throw refusedUrl(url, `its ${what} is missing`);
  if (name.startsWith("-")) throw refusedUrl(url, `its ${what} begins with a dash`);
  if (/[\s\p{Cc}]/u.test(name)) throw refusedUrl(url, `its ${what} has a space or control character in it`);
}

function uniqueParameters(query: string, refuse: (why: string) => Error): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const [name, value] of parametersOf(query, refuse)) {
    if (parameters.has(name)) throw refuse(`it has the parameter ${name} twice`);
    parameters.set(name, value);
  }
  return parameters;
}

/** What is wrong with a store's URL. */
export function refusedUrl(url: string, why: string, hint?: string): LaminixError {
  return new LaminixError("ERR_STORE_URL", `${JSON.stringify(redactUrl(url))} cannot be opened: ${why}`, {
    hint: hint ?? "a store behind SSH is ssh-ng://[user@]host[:port]",
    details: { url: redactUrl(url) },
  });
}
