/** What builders tell while they work. */
import type { ScriptName } from "./root/scripts.js";
import type { LayerFate } from "./transports/registry/sendLayer.js";
import type { Digest, LayerDigest, LayerKind } from "./image/layer.js";

export type ProgressEvent =
  /** The store paths are known. */
  | { readonly type: "closure"; readonly paths: number; readonly narSize: number }
  /** A layer begins to be written. */
  | ({
      readonly type: "layer";
      /** From 0. */
      readonly index: number;
      readonly count: number;
      readonly kind: LayerKind;
      /** Store paths, or the layer's name in a base image. */
      readonly sources: readonly string[];
    } & LayerDigest)
  /** Bytes of a layer have come from a registry. */
  | {
      readonly type: "fetch";
      /** From 0. */
      readonly index: number;
      readonly count: number;
      /** Of the layer as the registry has it. */
      readonly digest: Digest;
      readonly received: number;
      readonly size: number;
      /** Bytes of all layers. */
      readonly total: number;
    }
  /** Bytes of a layer go to a registry, or it is over with it. */
  | {
      readonly type: "push";
      /** From 0. */
      readonly index: number;
      readonly count: number;
      readonly kind: LayerKind;
      readonly sources: readonly string[];
      readonly diffId: Digest;
      /** Of the layer as the registry has it, where it is known already. */
      readonly digest?: Digest | undefined;
      /** What has become of it, when it is over. */
      readonly fate?: LayerFate | undefined;
      /** Bytes so far. */
      readonly sent: number;
      /** Bytes; while those of the packed layer are not known, those of the tar in it. */
      readonly size: number;
    }
  /** A script of the spec prints a line. */
  | { readonly type: "log"; readonly script: ScriptName; readonly line: string }
  /** Something that is as it should be, and good to know. */
  | { readonly type: "note"; readonly message: string }
  /** Something that works, but perhaps not as was meant. */
  | { readonly type: "warning"; readonly message: string };

export type OnProgress = (event: ProgressEvent) => void;
