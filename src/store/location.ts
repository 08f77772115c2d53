/** Store URLs, and the environment that says where a daemon listens. */
import { LaminixError } from "../errors.js";
import { redactUrl } from "../redact.js";
import { sshCommand } from "./sshCommand.js";
import { parseSshUrl } from "./sshUrl.js";
import { checkStoreDir } from "./storePath.js";
import type { DaemonTarget } from "./target.js";
import { decoded, parametersOf, splitOnce, unknownParameter } from "./urlParameters.js";

export interface StoreLocation {
  /** As it was given. */
  readonly url: string;
  /** What to connect to: the first one that answers. */
  readonly targets: readonly DaemonTarget[];
  /** The logical store directory, where it was said. */
  readonly storeDir: string | undefined;
  /** How many connections may work at a time, where it was said. */
  readonly maxConnections: number | undefined;
  /** The folder on this disk that holds the store's files, for a logical store directory; none for a remote store. */
  physicalDir(storeDir: string): string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

const PARAMETERS = ["store", "root", "state", "real", "max-connections"];

/**
 * @param url `auto`, `daemon`, `unix://[/path/to/socket]` or `ssh-ng://[user@]host[:port]`, with the parameters that
 *   Nix has for them (Nix manual, "Local Daemon Store", "Experimental SSH Store")
 * @throws {LaminixError} ERR_STORE_URL
 */
export function parseStoreUrl(url: string, environment: Environment = process.env): StoreLocation {
  const [address, query = ""] = splitOnce(url, "?");
  if (address === "auto" && environment.NIX_REMOTE && environment.NIX_REMOTE !== "auto") {
    return parseStoreUrl(environment.NIX_REMOTE, { ...environment, NIX_REMOTE: undefined });
  }
  if (address.startsWith("ssh-ng://")) return overSsh(url, environment);
  const refuse = (why: string): LaminixError => unsupported(url, why);
  const parameters = new Map(parametersOf(query, refuse));
  for (const name of parameters.keys()) {
    if (!PARAMETERS.includes(name)) throw refuse(unknownParameter(url, name));
  }
  const root = parameters.get("root");
  const real = parameters.get("real");
  return {
    ...common(url, parameters),
    targets: targetsOf(url, address, parameters.get("state"), environment),
    physicalDir: (dir) => real ?? (root === undefined ? dir : `${root.replace(/\/+$/, "")}${dir}`),
  };
}

/** No file of it is on this disk, whatever its paths say. */
function overSsh(url: string, environment: Environment): StoreLocation {
  const parsed = parseSshUrl(url);
  const { program, args, knownHosts } = sshCommand(parsed, environment);
  // Somebody may have to type a password.
  const target = {
    program,
    args,
    knownHosts,
    patience: 120_000,
    hint: `does \`ssh ${parsed.host} nix-daemon --version\` work?`,
  };
  return { ...common(url, parsed.parameters), targets: [target], physicalDir: () => undefined };
}

function common(
  url: string,
  parameters: ReadonlyMap<string, string>,
): Pick<StoreLocation, "url" | "storeDir" | "maxConnections"> {
  const storeDir = parameters.get("store");
  const most = parameters.get("max-connections");
  if (most !== undefined && !/^[1-9]\d{0,3}$/.test(most))
    throw unsupported(url, "its max-connections is not a number from 1 up");
  return {
    url,
    storeDir: storeDir === undefined ? undefined : checkStoreDir(storeDir),
    maxConnections: most === undefined ? undefined : Number(most),
  };
}

function targetsOf(
  url: string,
  address: string,
  state: string | undefined,
  environment: Environment,
): DaemonTarget[] {
  const socket = address.startsWith("unix://") ? address.slice("unix://".length) : "";
  if (socket !== "") return [{ socket: socketPath(url, socket) }];
  const known = { socket: defaultSocket(state, environment) };
  if (address === "daemon" || address === "unix://") return [known];
  if (address === "auto" || address === "") return [known, { program: "nix-daemon", args: ["--stdio"] }];
  if (address.startsWith("/") || address.startsWith("./")) {
    throw unsupported(
      url,
      "it is a path",
      `for a daemon's socket write unix://${address}, and for a binary cache in a folder file://${address}`,
    );
  }
  if (/^(file|https?):/.test(address)) {
    throw unsupported(url, "it is a binary cache", "openBinaryCache() reads from one");
  }
  throw unsupported(url, "only `auto`, `daemon`, `unix://…` and `ssh-ng://…` are known");
}

function socketPath(url: string, text: string): string {
  const path = decoded(text, (why) => unsupported(url, why));
  if (/^[^./].*[:@]/s.test(path)) throw unsupported(url, "a socket has a path and no host");
  return path;
}

function defaultSocket(state: string | undefined, environment: Environment): string {
  if (state === undefined && environment.LIX_DAEMON_SOCKET_DIR)
    return `${environment.LIX_DAEMON_SOCKET_DIR}/socket`;
  if (state === undefined && environment.NIX_DAEMON_SOCKET_PATH) return environment.NIX_DAEMON_SOCKET_PATH;
  return `${state ?? environment.NIX_STATE_DIR ?? "/nix/var/nix"}/daemon-socket/socket`;
}

const STORES =
  "use auto, daemon, unix:///path/to/socket or ssh-ng://host; a binary cache is https://host or file:///folder";

function unsupported(url: string, why: string, hint?: string): LaminixError {
  return new LaminixError(
    "ERR_STORE_URL",
    `${JSON.stringify(redactUrl(url))} is not a store that can be opened: ${why}`,
    {
      hint: hint ?? STORES,
      details: { url: redactUrl(url) },
    },
  );
}
