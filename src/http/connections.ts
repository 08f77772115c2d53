/** Connections to servers, kept to be used again, through proxies where the environment names some. */
import type { ConnectionOptions as TlsConnectionOptions } from "node:tls";
import { buildConnector, type Dispatcher, Pool } from "undici";
import type { Environment } from "../files/home.js";
import { proxyFor } from "./proxy.js";
import { tunnel } from "./tunnel.js";

export type TlsOptions = Pick<TlsConnectionOptions, "ca" | "cert" | "key" | "rejectUnauthorized">;

export interface ConnectionOptions {
  /** Where proxies are named. */
  readonly environment: Environment;
  /** Connections to one server at once; as many as are needed unless given. */
  readonly parallel?: number | undefined;
  /** A socket in the file system, which leads to every server, and no proxy with it. */
  readonly socketPath?: string | undefined;
  /** Whom TLS trusts as a server, and who we are. */
  readonly tls?: ((url: URL) => TlsOptions) | undefined;
}

export class Connections {
  readonly #options: ConnectionOptions;
  /** By origin. */
  readonly #made = new Map<string, Dispatcher>();
  #closed = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** @throws {ProxyError} for a proxy that is malformed */
  to(url: URL): Dispatcher {
    const { environment, parallel = null, socketPath, tls } = this.#options;
    if (this.#closed) throw new Error("the connection has been closed");
    const known = this.#made.get(url.origin);
    if (known) return known;
    const direct = buildConnector({ ...tls?.(url), ...(socketPath !== undefined && { socketPath }) });
    const proxy = socketPath === undefined ? proxyFor(url, environment) : undefined;
    const connect = proxy ? tunnel(proxy, direct) : direct;
    const made = new Pool(url.origin, { connections: parallel, connect });
    this.#made.set(url.origin, made);
    return made;
  }

  /** Cuts what still runs. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#made.values()].map((each) => each.destroy()));
  }
}
