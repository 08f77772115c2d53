/** Proxies, as the environment names them. */
import type { Environment } from "../files/home.js";

/** The proxy that the environment names does not do what it is for. */
export class ProxyError extends Error {
  override readonly name = "ProxyError";
  /** What it answers in place of a connection. */
  readonly status: number | undefined;

  constructor(message: string, options: ErrorOptions & { readonly status?: number | undefined } = {}) {
    super(message, options);
    this.status = options.status;
  }
}

/**
 * The proxy on the way to a server, from `https_proxy` or `http_proxy` by the URL's scheme, unless `no_proxy` names the
 * server. Capitals serve too, where small letters say nothing. As Go has it, this machine itself is never behind a proxy.
 * @throws {ProxyError} for one that is no URL of HTTP
 */
export function proxyFor(url: URL, environment: Environment): URL | undefined {
  const named = (name: string): string => environment[name] || environment[name.toUpperCase()] || "";
  const proxy = named(url.protocol === "https:" ? "https_proxy" : "http_proxy");
  if (proxy === "" || isLoopback(url.hostname) || isExempt(url, named("no_proxy"))) return undefined;
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(proxy) ? proxy : `http://${proxy}`;
  const found = URL.canParse(text) ? new URL(text) : undefined;
  // Without a word of it: it may hold a password.
  if (found?.protocol !== "http:" && found?.protocol !== "https:")
    throw new ProxyError("the proxy set in the environment is not a valid URL");
  return found;
}

/** Hosts, each with all below it, and with a port if it is for that port only; `*` is every host. */
function isExempt({ protocol, hostname, port }: URL, noProxy: string): boolean {
  const usual = protocol === "https:" ? "443" : "80";
  return noProxy.split(/[,\s]+/).some((entry) => {
    const [, host = "", only] = /^(.*?)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
    if (only !== undefined && only !== (port || usual)) return false;
    const name = host.replace(/^\*?\./, "");
    return name === "*" || (name !== "" && (hostname === name || hostname.endsWith(`.${name}`)));
  });
}

export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(hostname);
}
