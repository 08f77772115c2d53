/**
 * What the compiled addon offers, and where it is found.
 *
 * The addon is loaded when first needed, so that everything that does not talk to a daemon works without it.
 */
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { LaminixError } from "../errors.js";

/** Where a daemon is: a Unix socket, or a program that speaks the protocol on its standard input and output. */
export type NativeTarget =
  { readonly socket: string } | { readonly program: string; readonly args: readonly string[] };

/** What a daemon said of itself in the handshake. */
export interface NativeHandshake {
  /** The negotiated protocol's minor version: 38 for 1.38. */
  readonly minor: number;
  /** The daemon's Nix version, from protocol 1.33 on. */
  readonly version: string | null;
  /** Whether the daemon trusts this client, from protocol 1.35 on and where it knows. */
  readonly trusted: boolean | null;
  /** Features that both sides have. */
  readonly features: readonly string[];
}

/** One answer of QueryPathInfo; paths are full paths. */
export interface NativePathInfo {
  readonly deriver: string | null;
  /** Base 16, of SHA-256. */
  readonly narHash: string;
  readonly references: readonly string[];
  readonly registrationTime: number;
  readonly narSize: number;
  readonly ultimate: boolean;
  readonly signatures: readonly string[];
  readonly ca: string | null;
}

/**
 * A closure in columns. Row i of every column is the i-th path, each path after all that it references.
 * String columns are UTF-8 bytes with n + 1 offsets; lists of strings have two levels of offsets.
 */
export interface NativeClosure {
  readonly count: number;
  /** Base names. */
  readonly names: Uint8Array;
  readonly nameOffsets: Uint32Array;
  /** SHA-256 of the NAR, 32 bytes a row. */
  readonly narHashes: Uint8Array;
  readonly narSizes: Float64Array;
  readonly registrationTimes: Float64Array;
  /** 1 where the path was built here. */
  readonly ultimate: Uint8Array;
  /** Row numbers, ascending; row i's are those from referenceOffsets[i] to referenceOffsets[i + 1]. */
  readonly references: Uint32Array;
  readonly referenceOffsets: Uint32Array;
  /** Full paths; empty where there is none. */
  readonly derivers: Uint8Array;
  readonly deriverOffsets: Uint32Array;
  /** Content addresses; empty where there is none. */
  readonly cas: Uint8Array;
  readonly caOffsets: Uint32Array;
  /** All signatures, one after another; row i's are those from signatureRows[i] to signatureRows[i + 1]. */
  readonly signatures: Uint8Array;
  readonly signatureOffsets: Uint32Array;
  readonly signatureRows: Uint32Array;
}

/** A question on its way. Cancelling rejects the promise with code `ERR_CANCELLED`; the answer is read and dropped. */
export interface NativeCall<T> {
  readonly promise: Promise<T>;
  cancel(): void;
}

/**
 * A connection and its thread. Calls are pipelined in the order they are made. It keeps the process alive only
 * while a call is unanswered.
 */
export interface NativeConnection {
  /** Settles once, when the handshake is over. */
  readonly ready: Promise<NativeHandshake>;
  isValidPath(path: string): NativeCall<boolean>;
  pathInfo(path: string): NativeCall<NativePathInfo | null>;
  allValidPaths(): NativeCall<string[]>;
  pathFromHashPart(hashPart: string): NativeCall<string | null>;
  addTempRoot(path: string): NativeCall<void>;
  /** Rejects with `ERR_PATH_NOT_VALID` (property `path`) at the first path that is not valid. */
  closure(storeDir: string, roots: readonly string[]): NativeCall<NativeClosure>;
  /** Ends the connection; unanswered calls reject with `ERR_DAEMON_DISCONNECTED`. May be called again. */
  close(): void;
}

export interface NativeOptions {
  /** Longest time in milliseconds from connecting to the end of the handshake. */
  readonly handshakeTimeout: number;
  /** Called once when the connection has ended without close() having been called. */
  readonly onClose?: () => void;
}

export interface NativeAddon {
  /** Returns at once; `ready` tells how it went. */
  connect(target: NativeTarget, options: NativeOptions): NativeConnection;
}

const require = createRequire(import.meta.url);
let addon: NativeAddon | undefined;

/**
 * The addon, loaded at the first call.
 * @throws {LaminixError} ERR_ADDON_MISSING when it was not built, or was built for another platform.
 */
export function loadAddon(): NativeAddon {
  if (addon) return addon;
  const file =
    process.env.LAMINIX_ADDON ?? fileURLToPath(new URL("../../build/Release/addon.node", import.meta.url));
  try {
    addon = require(file) as NativeAddon;
  } catch (cause) {
    throw new LaminixError("ERR_ADDON_MISSING", `the native addon could not be loaded from ${file}`, {
      cause,
      hint: "build it with `npm rebuild laminix` (in a checkout: `npm run build:native`); it needs CMake and a C++20 compiler, and npm may have to be told to allow this package's install script",
    });
  }
  return addon;
}
