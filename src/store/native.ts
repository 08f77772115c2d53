/**
 * What the compiled addon offers, and where it is found.
 *
 * The addon is loaded when first needed, so that everything that does not talk to a daemon works without it.
 */
import Module from "node:module";
import { LaminixError } from "../errors.js";
import { buildHint, builtFiles } from "../process/ownFile.js";
import type { StorePath } from "./storePath.js";

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

/** What a store knows of a valid path; paths are full paths. */
export interface NativePathInfo {
  readonly deriver: StorePath | null;
  /** Base 16, of SHA-256. */
  readonly narHash: string;
  readonly references: readonly StorePath[];
  readonly registrationTime: number;
  readonly narSize: number;
  readonly ultimate: boolean;
  readonly signatures: readonly string[];
  readonly ca: string | null;
}

export interface NativeSubstitutable {
  readonly path: StorePath;
  readonly deriver: StorePath | null;
  readonly references: readonly StorePath[];
  /** Bytes; 0 where it is not known. */
  readonly downloadSize: number;
  readonly narSize: number;
}

export interface NativeBuildResult {
  /** `<drv>` or `<drv>!<output>,…`, as it was asked for. */
  readonly target: string;
  readonly status: number;
  readonly message: string;
  readonly timesBuilt: number;
  readonly nonDeterministic: boolean;
  /** Unix seconds. */
  readonly startTime: number;
  readonly stopTime: number;
  /** Microseconds, where the daemon tells. */
  readonly cpuUser: number | null;
  readonly cpuSystem: number | null;
  /** `sha256:<hash>!<output>`, and JSON with `outPath`. */
  readonly outputs: readonly { readonly id: string; readonly realisation: string }[];
}

interface Path {
  readonly path: string;
}

/** The daemon's operations that are one request and one answer: what each is given, and what comes back. */
export interface NativeOperations {
  isValidPath: [request: Path, answer: boolean];
  referrers: [request: Path, answer: StorePath[]];
  /** Its body follows in frames. */
  addToStore: [
    request: {
      readonly name: string;
      /** `text:sha256`, `fixed:sha256` or `fixed:r:sha256`, say. */
      readonly contentAddressMethod: string;
      readonly references: readonly string[];
      readonly repair: boolean;
    },
    answer: NativePathInfo & { readonly path: StorePath },
  ];
  buildPaths: [request: { readonly targets: readonly string[]; readonly mode: number }, answer: undefined];
  ensurePath: [request: Path, answer: undefined];
  addTempRoot: [request: Path, answer: undefined];
  addIndirectRoot: [request: { readonly link: string }, answer: undefined];
  roots: [request: object, answer: { readonly link: string; readonly path: StorePath }[]];
  setOptions: [
    request: {
      readonly keepFailed: boolean;
      readonly keepGoing: boolean;
      readonly tryFallback: boolean;
      readonly verbosity: number;
      readonly maxBuildJobs: number;
      readonly maxSilentTime: number;
      readonly buildLogLevel: number;
      readonly buildCores: number;
      readonly useSubstitutes: boolean;
      readonly overrides: readonly { readonly name: string; readonly value: string }[];
    },
    answer: undefined,
  ];
  collectGarbage: [
    request: {
      readonly action: number;
      readonly paths: readonly string[];
      readonly maxFreed: number | bigint;
    },
    answer: { readonly paths: StorePath[]; readonly bytesFreed: number },
  ];
  allValidPaths: [request: object, answer: StorePath[]];
  pathInfo: [request: Path, answer: NativePathInfo | null];
  pathFromHashPart: [request: { readonly hashPart: string }, answer: StorePath | null];
  substitutablePathInfos: [
    request: { readonly paths: readonly { readonly path: string; readonly ca: string }[] },
    answer: NativeSubstitutable[],
  ];
  validPaths: [
    request: { readonly paths: readonly string[]; readonly substitute: boolean },
    answer: StorePath[],
  ];
  validDerivers: [request: Path, answer: StorePath[]];
  optimiseStore: [request: object, answer: undefined];
  /** Whether there were errors that are not repaired. */
  verifyStore: [request: { readonly checkContents: boolean; readonly repair: boolean }, answer: boolean];
  addSignatures: [
    request: { readonly path: string; readonly signatures: readonly string[] },
    answer: undefined,
  ];
  /** Its body follows in frames. */
  addToStoreNar: [
    request: NativePathInfo & Path & { readonly repair: boolean; readonly dontCheckSignatures: boolean },
    answer: undefined,
  ];
  missing: [
    request: { readonly targets: readonly string[] },
    answer: {
      readonly willBuild: StorePath[];
      readonly willSubstitute: StorePath[];
      readonly unknown: StorePath[];
      readonly downloadSize: number;
      readonly narSize: number;
    },
  ];
  derivationOutputs: [request: Path, answer: { readonly name: string; readonly path: StorePath | null }[]];
  buildPathsWithResults: [
    request: { readonly targets: readonly string[]; readonly mode: number },
    answer: NativeBuildResult[],
  ];
}

/** What a daemon says while it works. Types and fields are those of Nix's `Logger`. */
export type NativeMessage =
  | { readonly kind: "log"; readonly text: string }
  | {
      readonly kind: "start";
      readonly id: bigint;
      readonly level: number;
      readonly type: number;
      readonly text: string;
      readonly fields: readonly (number | string)[];
      /** 0n for none. */
      readonly parent: bigint;
    }
  | { readonly kind: "stop"; readonly id: bigint }
  | {
      readonly kind: "result";
      readonly id: bigint;
      readonly type: number;
      readonly fields: readonly (number | string)[];
    };

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

/** A NAR on its way. */
export interface NativeNar extends NativeCall<void> {
  /** Lets one more chunk come. */
  want(): void;
}

/**
 * A connection and its thread. Calls are pipelined in the order they are made. It keeps the process alive only
 * while a call is unanswered.
 */
export interface NativeConnection {
  /** Settles once, when the handshake is over. */
  readonly ready: Promise<NativeHandshake>;
  /** @param onMessage hears what the daemon says meanwhile */
  ask<Name extends keyof NativeOperations>(
    operation: Name,
    request: NativeOperations[Name][0],
    onMessage?: (message: NativeMessage) => void,
  ): NativeCall<NativeOperations[Name][1]>;
  /**
   * A piece of the body of the operation that was asked last; an empty one is its end. Settles when there is room for
   * more.
   */
  frame(bytes: Uint8Array): NativeCall<void>;
  /** Ends a body that is not whole, so that the operation fails. Nothing can be asked behind it. */
  breakBody(): NativeCall<void>;
  /** Rejects with `ERR_PATH_NOT_VALID` (property `path`) at the first path that is not valid. */
  closure(storeDir: string, roots: readonly string[], inBatches?: boolean): NativeCall<NativeClosure>;
  /** Nothing else can be asked on the connection meanwhile: to give up, close it. */
  nar(path: string, onChunk: (chunk: Buffer) => void): NativeNar;
  /** Ends the connection; unanswered calls reject with `ERR_DAEMON_DISCONNECTED`. Idempotent. */
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
  /** Gives a pipe more room, so that writer and reader wait for each other less often. Does nothing to anything else. */
  widenPipe(fd: number): void;
}

interface LoadedAddon {
  readonly file: string;
  readonly addon: NativeAddon;
}

let loaded: LoadedAddon | undefined;

/**
 * The addon, loaded at the first call.
 * @throws {LaminixError} ERR_ADDON_MISSING when there is none for this platform, or it does not load
 */
export function loadAddon(): NativeAddon {
  return loadedAddon().addon;
}

/** The same, and the file that it is in. */
export function loadedAddon(): LoadedAddon {
  return (loaded ??= firstThatLoads());
}

function firstThatLoads(): LoadedAddon {
  const given = process.env.LAMINIX_ADDON;
  const failures: unknown[] = [];
  for (const file of given === undefined ? builtFiles("addon.node") : [given]) {
    try {
      // By its bare name, webpack would take the call for one that it has to resolve.
      return { file, addon: Module.createRequire(file)(file) as NativeAddon };
    } catch (cause) {
      failures.push(cause);
    }
  }
  const [cause] = failures;
  const reason = cause instanceof Error ? (cause.message.split("\n", 1)[0] ?? "") : String(cause);
  throw new LaminixError("ERR_ADDON_MISSING", `the native addon cannot be loaded: ${reason}`, {
    cause,
    hint: buildHint(),
  });
}
