/** Store URLs, and the environment that says where a daemon listens. */
import { LaminixError } from "../errors.js";
import type { NativeTarget } from "./native.js";
import { checkStoreDir } from "./storePath.js";

export interface StoreLocation {
  /** As it was given. */
  readonly url: string;
  /** What to connect to: the first one that answers. */
  readonly targets: readonly NativeTarget[];
  /** The logical store directory, where it was said. */
  readonly storeDir: string | undefined;
  /** The folder on this disk that holds the store's files, for a logical store directory; none for a remote store. */
  physicalDir(storeDir: string): string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

const PARAMETERS = ["store", "root", "state", "real"];

/**
 * @param url `auto`, `daemon`, or `unix://[/path/to/socket]`; with `?store=`, `?state=`, `?root=` and `?real=` as
 *   Nix has them (Nix manual, "Local Daemon Store")
 * @throws {LaminixError} ERR_STORE_URL
 */
export function parseStoreUrl(url: string, environment: Environment = process.env): StoreLocation {
  const [address = "", query = ""] = url.split("?", 2);
  if (address === "auto" && environment.NIX_REMOTE && environment.NIX_REMOTE !== "auto") {
    return parseStoreUrl(environment.NIX_REMOTE, { ...environment, NIX_REMOTE: undefined });
  }
  const parameters = new URLSearchParams(query);
  for (const name of parameters.keys()) {
    if (!PARAMETERS.includes(name)) throw unsupported(url, `it has an unknown parameter ${name}`);
  }
  const root = parameters.get("root");
  const real = parameters.get("real");
  const storeDir = parameters.get("store");
  return {
    url,
    targets: targetsOf(url, address, parameters.get("state"), environment),
    storeDir: storeDir === null ? undefined : checkStoreDir(storeDir),
    physicalDir: (dir) => real ?? (root === null ? dir : `${root.replace(/\/+$/, "")}${dir}`),
  };
}

function targetsOf(
  url: string,
  address: string,
  state: string | null,
  environment: Environment,
): NativeTarget[] {
  const socket = address.startsWith("unix://") ? address.slice("unix://".length) : "";
  if (socket !== "") return [{ socket: decodeURIComponent(socket) }];
  const known = { socket: defaultSocket(state, environment) };
  if (address === "daemon" || address === "unix://") return [known];
  if (address === "auto" || address === "") return [known, { program: "nix-daemon", args: ["--stdio"] }];
  if (address.startsWith("/") || address.startsWith("./")) {
    throw unsupported(url, "it is a path", `for a daemon's socket write unix://${address}`);
  }
  throw unsupported(url, "only `auto`, `daemon` and `unix://…` are known");
}

function defaultSocket(state: string | null, environment: Environment): string {
  if (state === null && environment.LIX_DAEMON_SOCKET_DIR)
    return `${environment.LIX_DAEMON_SOCKET_DIR}/socket`;
  if (state === null && environment.NIX_DAEMON_SOCKET_PATH) return environment.NIX_DAEMON_SOCKET_PATH;
  return `${state ?? environment.NIX_STATE_DIR ?? "/nix/var/nix"}/daemon-socket/socket`;
}

function unsupported(url: string, why: string, hint?: string): LaminixError {
  return new LaminixError(
    "ERR_STORE_URL",
    `${JSON.stringify(url)} is not a store that can be opened: ${why}`,
    {
      hint: hint ?? "use auto, daemon, or unix:///path/to/socket",
      details: { url },
    },
  );
}
