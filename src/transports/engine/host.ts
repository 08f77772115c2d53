/** Where a container engine listens: as it was asked for, as the environment says, or where engines are by default. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { LaminixError } from "../../errors.js";
import { redactUrl } from "../../redact.js";
import type { Environment } from "../../files/home.js";
import { type Certificates, readCertificates } from "./certificates.js";
import { dockerConfigFolder, dockerContext } from "./dockerContext.js";
import type { Engine } from "./engines.js";

export interface EngineHost {
  readonly engine: Engine;
  /** As people write it. */
  readonly name: string;
  /** What its API is below. */
  readonly url: URL;
  /** In place of the URL's host. */
  readonly socket?: string;
  /** For TLS. */
  readonly certificates?: Certificates;
}

export interface HostOptions {
  /** Docker unless given. */
  readonly engine?: Engine | undefined;
  /** `unix:///path/to/socket`, `tcp://host:port` or `https://host`; found unless given. */
  readonly host?: string | undefined;
  readonly environment: Environment;
}

const DOCKER = "unix:///var/run/docker.sock";

/**
 * As the engines' own programs have it. For Docker: `DOCKER_HOST`, else the context that `DOCKER_CONTEXT` or its
 * configuration names; `DOCKER_TLS_VERIFY` and `DOCKER_CERT_PATH` are for hosts that are reached by TCP. For podman:
 * `CONTAINER_HOST`, else the user's socket, else root's.
 * @throws {LaminixError} ERR_ENGINE_HOST, ERR_FILE_READ and ERR_JSON for Docker's files
 */
export function engineHost({ engine = "docker", host, environment }: HostOptions): EngineHost {
  const given = host ?? environment[engine === "docker" ? "DOCKER_HOST" : "CONTAINER_HOST"];
  if (engine === "podman") return parseHost(engine, given || podmanSocket(environment));
  if (given) return parseHost(engine, given, certificatesIn(environment));
  const context = dockerContext(environment);
  return context ? parseHost(engine, context.host, context.certificates) : parseHost(engine, DOCKER);
}

function podmanSocket({ XDG_RUNTIME_DIR: runtime }: Environment): string {
  const own = runtime ? join(runtime, "podman/podman.sock") : undefined;
  return `unix://${own !== undefined && existsSync(own) ? own : "/run/podman/podman.sock"}`;
}

/** Any value of `DOCKER_TLS_VERIFY` asks for TLS, as with Docker. */
function certificatesIn(environment: Environment): Certificates | undefined {
  const { DOCKER_TLS_VERIFY: verify, DOCKER_CERT_PATH: folder } = environment;
  if (!verify && !folder) return undefined;
  return { ...readCertificates(folder || dockerConfigFolder(environment)), required: Boolean(verify) };
}

function parseHost(engine: Engine, host: string, certificates?: Certificates): EngineHost {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(host)?.[1]?.toLowerCase() ?? "";
  if (scheme === "unix") {
    const socket = host.slice("unix://".length);
    if (!socket.startsWith("/")) throw wrongHost(`${redactUrl(host)} names no socket by its whole path`);
    return { engine, name: host, url: new URL("http://localhost/"), socket };
  }
  if (!["tcp", "http", "https"].includes(scheme)) throw unknownScheme(scheme);
  // By this scheme no port is left out of the URL for being usual.
  const text = host.replace(/^[a-z]+:/i, "tcp:");
  if (!URL.canParse(text) || new URL(text).hostname === "") throw wrongHost("the engine's URL is malformed");
  const { username, password, hostname, port, pathname } = new URL(text);
  if (username || password) throw wrongHost("the engine's URL may hold no name and no password");
  const tls = scheme === "https" || (scheme === "tcp" && certificates?.required === true);
  const usual = scheme === "tcp" ? (tls ? ":2376" : ":2375") : "";
  const base = `${tls ? "https" : "http"}://${hostname}${port === "" ? usual : `:${port}`}`;
  // What a host may be is told for the schemes of HTTP alone.
  if (!URL.canParse(base)) throw wrongHost("the engine's URL is malformed");
  const url = new URL(base);
  url.pathname = pathname.endsWith("/") ? pathname : `${pathname}/`;
  const name = `${scheme}://${url.host}`;
  return { engine, name, url, ...(tls && certificates && { certificates }) };
}

function unknownScheme(scheme: string): LaminixError {
  if (scheme === "ssh") {
    return wrongHost(
      "an engine behind ssh:// cannot be reached from here",
      "forward its socket, as with ssh -L /tmp/engine.sock:/var/run/docker.sock HOST, and name that: unix:///tmp/engine.sock",
    );
  }
  return wrongHost(
    scheme === "" ? "the engine's host has no scheme" : `an engine is not reached by ${scheme}://`,
  );
}

function wrongHost(
  message: string,
  hint = "name it as unix:///path/to/socket, tcp://host:port or https://host",
): LaminixError {
  return new LaminixError("ERR_ENGINE_HOST", message, { hint });
}
