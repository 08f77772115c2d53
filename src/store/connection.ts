/** One connection to a daemon: the addon's, with errors that have a code and a hint, and signals that are heard. */
import { abortable, onAbort } from "../abort.js";
import { type ErrorCode, LaminixError } from "../errors.js";
import { loadAddon, type NativeCall, type NativeConnection, type NativeHandshake } from "./native.js";
import { type DaemonTarget, prepare } from "./target.js";

export interface CallOptions {
  /** Rejects with the signal's reason when it aborts; the connection stays usable. */
  readonly signal?: AbortSignal | undefined;
}

/** Milliseconds. A daemon that is there answers in a few; one that hangs should not hold its user up for long. */
const PATIENCE = 3000;

export class Connection {
  readonly handshake: NativeHandshake;
  readonly #native: NativeConnection;
  readonly #since = performance.now();
  #open = true;

  private constructor(native: NativeConnection, handshake: NativeHandshake) {
    this.#native = native;
    this.handshake = handshake;
  }

  /**
   * Connects to the first target that is there.
   * @param onClose called when the connection is lost, not when it is closed
   * @throws {LaminixError} ERR_ADDON_MISSING, ERR_NO_DAEMON, ERR_DAEMON_TIMEOUT, ERR_DAEMON_PROTOCOL,
   *   ERR_DAEMON_DISCONNECTED
   */
  static async open(
    targets: readonly DaemonTarget[],
    { signal, onClose }: CallOptions & { readonly onClose?: () => void } = {},
  ): Promise<Connection> {
    const addon = loadAddon();
    const tried: string[] = [];
    let last: unknown;
    for (const target of targets) {
      signal?.throwIfAborted();
      using ready = prepare(target);
      let connection: Connection | undefined;
      const native = addon.connect(ready.native, {
        handshakeTimeout: target.patience ?? PATIENCE,
        onClose: () => {
          if (connection) connection.#open = false;
          onClose?.();
        },
      });
      try {
        const handshake = await settle({ promise: native.ready, cancel: () => undefined }, signal);
        connection = new Connection(native, handshake);
        return connection;
      } catch (error) {
        native.close();
        if (!isAbsent(error)) throw withHint(error, target.hint);
        last = error;
        tried.push(
          "socket" in target ? `${target.socket} (${why(error)})` : `${target.program} (${why(error)})`,
        );
      }
    }
    throw new LaminixError("ERR_NO_DAEMON", `no Nix daemon answers; tried ${tried.join(", then ")}`, {
      cause: last,
      hint: "start nix-daemon, or say where it listens with --store unix:///path/to/socket or NIX_DAEMON_SOCKET_PATH",
      details: { tried },
    });
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** Milliseconds since it was opened. */
  get age(): number {
    return performance.now() - this.#since;
  }

  async call<T>(
    question: (native: NativeConnection) => NativeCall<T>,
    { signal }: CallOptions = {},
  ): Promise<T> {
    return settle(question(this.#native), signal);
  }

  close(): void {
    this.#open = false;
    this.#native.close();
  }
}

async function settle<T>(call: NativeCall<T>, signal: AbortSignal | undefined): Promise<T> {
  const forget = onAbort(signal, () => {
    call.cancel();
  });
  try {
    return await abortable(call.promise, signal);
  } catch (error) {
    throw signal?.aborted ? signal.reason : withCode(error);
  } finally {
    forget();
  }
}

/** Nobody is there at all: another place may be tried. */
function isAbsent(error: unknown): boolean {
  const errno = error instanceof LaminixError ? error.details.errno : undefined;
  return errno === "ENOENT" || errno === "ECONNREFUSED" || errno === "ENOTDIR";
}

function why(error: unknown): string {
  const errno = (error as LaminixError).details.errno;
  return errno === "ECONNREFUSED" ? "nobody listens there" : "not there";
}

const hints: Partial<Record<ErrorCode, string>> = {
  ERR_NO_DAEMON: "say where the daemon listens with --store unix:///path/to/socket or NIX_DAEMON_SOCKET_PATH",
  ERR_DAEMON_TIMEOUT:
    "something listens there that does not answer as a Nix daemon; is the socket the right one?",
  ERR_DAEMON_PROTOCOL: "is a Nix daemon (2.4 or later) listening there?",
  ERR_DAEMON_DISCONNECTED: "the daemon's log may say why (journalctl -u nix-daemon)",
  ERR_PATH_NOT_VALID: "build or fetch it first, for example with nix-store --realise",
};

/** The addon's errors are plain ones with a code; they have no stack of their own. */
function withCode(error: unknown): unknown {
  if (!(error instanceof Error) || !("code" in error)) return error;
  const { code, message, ...rest } = error as Error & { code: ErrorCode };
  const hint = hints[code];
  return new LaminixError(code, message, { cause: error, details: rest, ...(hint && { hint }) });
}

function withHint(error: unknown, hint: string | undefined): unknown {
  if (hint === undefined || !(error instanceof LaminixError)) return error;
  const { code, message, details, cause } = error;
  return new LaminixError(code, message, { cause, details, hint });
}

/** The connection ended before an answer came; the same question may be asked on another one. */
export function isDisconnected(error: unknown): boolean {
  return error instanceof LaminixError && error.code === "ERR_DAEMON_DISCONNECTED";
}
