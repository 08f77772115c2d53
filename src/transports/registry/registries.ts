/** The registries that something has to do with: each is asked through one client, so that connections and tokens are shared. */
import { checkGiven, keysOf, requireBoolean, requireCount, requireKnown } from "../../arguments.js";
import { ArgumentError } from "../../errors.js";
import { redactUrl } from "../../redact.js";
import type { RegistryClient, RegistryOptions } from "./client.js";
import type { Environment } from "../../files/home.js";

/** How to connect to one registry. */
export type RegistryExceptions = Pick<RegistryOptions, "tlsVerify" | "plainHttp" | "attempts">;

export interface RegistriesOptions {
  /** The environment that names proxies and credentials; default: this process's. */
  readonly environment?: Environment | undefined;
  /** By the registry's name as it stands in references, with its port: what holds for it and for no other. */
  readonly exceptions?: Readonly<Record<string, RegistryExceptions>> | undefined;
}

const KEYS = keysOf<RegistriesOptions>({ environment: true, exceptions: true });
const EXCEPTION_KEYS = keysOf<RegistryExceptions>({ tlsVerify: true, plainHttp: true, attempts: true });

export class Registries implements AsyncDisposable {
  readonly #options: RegistriesOptions;
  readonly #clients = new Map<string, Promise<RegistryClient>>();

  /** @throws {ArgumentError} ERR_ARGUMENT */
  constructor(options: RegistriesOptions = {}) {
    requireKnown(options, KEYS);
    for (const [registry, exception] of Object.entries(options.exceptions ?? {})) {
      const name = `options.exceptions[${JSON.stringify(redactUrl(registry))}]`;
      if (typeof exception !== "object") throw new ArgumentError(name, "an object", exception);
      requireKnown(exception, EXCEPTION_KEYS, name);
      checkGiven(exception, name, {
        tlsVerify: requireBoolean,
        plainHttp: requireBoolean,
        attempts: requireCount,
      });
    }
    this.#options = options;
  }

  /** @internal */
  client(registry: string): Promise<RegistryClient> {
    const client = this.#clients.get(registry) ?? this.#connect(registry);
    this.#clients.set(registry, client);
    return client;
  }

  /** Connections are cut. Idempotent. */
  async close(): Promise<void> {
    await Promise.all([...this.#clients.values()].map(async (client) => (await client).close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Loaded for those who need it: most of a short program's time is loading. */
  async #connect(registry: string): Promise<RegistryClient> {
    const { RegistryClient } = await import("./client.js");
    const { environment, exceptions = {} } = this.#options;
    const own = Object.hasOwn(exceptions, registry) ? exceptions[registry] : {};
    return new RegistryClient(registry, { environment, ...own });
  }
}
