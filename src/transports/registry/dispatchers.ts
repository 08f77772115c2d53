/** Connections to registries and to the servers that they lead to, through proxies where the environment names some. */
import { Agent, type Dispatcher, EnvHttpProxyAgent } from "undici";
import { LaminixError } from "../../errors.js";
import type { Environment } from "./credentials.js";

export interface DispatcherOptions {
  readonly environment: Environment;
  /** Connections to one server at once. */
  readonly parallel: number;
}

export interface Trust {
  /** Whether the server has to prove who it is. */
  readonly tlsVerify: boolean;
}

/** Kept for each way to connect, until all are closed. */
export class Dispatchers {
  readonly #options: DispatcherOptions;
  readonly #made = new Map<string, Dispatcher>();

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  for(url: URL, { tlsVerify }: Trust): Dispatcher {
    const proxy = this.#proxyFor(url);
    const key = `${String(tlsVerify)} ${proxy}`;
    const known = this.#made.get(key);
    if (known) return known;
    const made = this.#make(proxy, tlsVerify);
    this.#made.set(key, made);
    return made;
  }

  /** Cuts what still runs. May be called again. */
  async close(): Promise<void> {
    const all = [...this.#made.values()];
    this.#made.clear();
    await Promise.all(all.map((each) => each.destroy()));
  }

  /** As Go has it: this machine itself is never behind a proxy. Small letters count before capitals. */
  #proxyFor({ protocol, hostname }: URL): string {
    const { environment } = this.#options;
    if (isLoopback(hostname)) return "";
    const name = protocol === "https:" ? "https_proxy" : "http_proxy";
    const proxy = [environment[name], environment[name.toUpperCase()]].find(Boolean) ?? "";
    return proxy === "" || /^https?:\/\//.test(proxy) ? proxy : `http://${proxy}`;
  }

  #make(proxy: string, tlsVerify: boolean): Dispatcher {
    const { parallel: connections, environment } = this.#options;
    const tls = { rejectUnauthorized: tlsVerify };
    if (proxy === "") return new Agent({ connections, connect: tls });
    const noProxy = [environment.no_proxy, environment.NO_PROXY].find(Boolean) ?? "";
    try {
      return new EnvHttpProxyAgent({
        ...{ connections, connect: tls, requestTls: tls, httpProxy: proxy, httpsProxy: proxy, noProxy },
      });
    } catch {
      // Without a word of it, or of the error that has it too: it may hold a password.
      throw new LaminixError(
        "ERR_REGISTRY_UNREACHABLE",
        "the proxy set in the environment is not a valid URL",
        {
          hint: "HTTPS_PROXY and HTTP_PROXY look like http://host:port",
        },
      );
    }
  }
}

export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(hostname);
}
