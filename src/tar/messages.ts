/** What the threads that make layer tars and the thread that asks them say to one another. */
import type { ErrorCode } from "../errors.js";
import type { DiskLayerTar } from "./layerTar.js";

/** What a thread is started with. */
export interface WorkerData {
  /** Bytes of memory for tars that wait to be read. */
  readonly keeps: number;
}

export type Request =
  /** `keep`: keep the bytes, where there is room for them. */
  | { readonly kind: "make"; readonly id: number; readonly layer: DiskLayerTar; readonly keep: boolean }
  | { readonly kind: "stop"; readonly id: number }
  /** The bytes that were kept have been read. */
  | { readonly kind: "release"; readonly id: number };

export type Reply =
  /** Said first: where kept bytes are. */
  | { readonly kind: "memory"; readonly memory: SharedArrayBuffer }
  | {
      readonly kind: "made";
      readonly id: number;
      readonly summary: TarSummary;
      readonly kept?: { readonly start: number; readonly length: number };
    }
  | { readonly kind: "stopped"; readonly id: number }
  | { readonly kind: "failed"; readonly id: number; readonly error: PlainError };

/** The whole of a layer's tar, in figures. */
export interface TarSummary {
  /** SHA-256 in base 16. */
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  /** Equal for two readings of the same, unchanged files. */
  readonly fingerprint: number;
}

/** An error as it crosses threads. */
export interface PlainError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;
  readonly cause: string | undefined;
}
