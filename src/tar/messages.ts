/** What the threads that make layer tars and the thread that asks them say to one another. */
import type { DiskLayerTar } from "./layerTar.js";

/** What a thread is started with. */
export interface WorkerData {
  /** For tars that wait to be read. */
  readonly memory: SharedArrayBuffer;
}

export interface TarTask {
  readonly layer: DiskLayerTar;
  /** Keep the bytes, where there is room for them. */
  readonly keep: boolean;
}

/** The whole of a layer's tar, in figures. */
export interface TarSummary {
  /** SHA-256 in base 16. */
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  /** Equal for two readings of the same, unchanged files. */
  readonly fingerprint: number;
}

/** `undefined` for one that was stopped. */
export type TarResult =
  | {
      readonly summary: TarSummary;
      /** Where in the memory its bytes are, if they were kept. */
      readonly kept?: { readonly start: number; readonly length: number };
    }
  | undefined;

export type TarNotice =
  | { readonly kind: "stop"; readonly id: number }
  /** The bytes that were kept have been read. */
  | { readonly kind: "release"; readonly id: number };
