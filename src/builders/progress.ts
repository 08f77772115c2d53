/** What builders tell while they work. */
import type { ScriptName } from "./customisation/scripts.js";
import type { LayerDigest, LayerKind } from "../image/layer.js";

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
  /** A script of the spec prints a line. */
  | { readonly type: "log"; readonly script: ScriptName; readonly line: string }
  /** Something that works, but perhaps not as was meant. */
  | { readonly type: "warning"; readonly message: string };

export type OnProgress = (event: ProgressEvent) => void;
