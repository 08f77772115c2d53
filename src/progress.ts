/** What builders tell while they work. */
import type { Digest } from "./bytes/digest.js";

/** `base`, of the image that it is built on; `image`, of one that lies somewhere and is carried as it is. */
export type LayerKind = "store" | "root" | "base" | "image";

/** A script of a spec. */
export type ScriptName = "extraCommands" | "fakeRootCommands" | "runAsRoot";

/**
 * What has become of a layer: `unread`, an image that was there before has it, and nobody asked again; `there`, the
 * repository had it; `mounted` from another repository of the registry; `sent`; `foreign`, it lies elsewhere and may not be
 * passed on.
 */
export type LayerFate = "unread" | "there" | "mounted" | "sent" | "foreign";

export type ProgressEvent =
  /** The store paths are known. */
  | { readonly type: "closure"; readonly paths: number; readonly narSize: number }
  /** A layer is being hashed, perhaps beside others: its bytes so far. */
  | {
      readonly type: "hash";
      /** From 0; not there while the other layers are not planned. */
      readonly index?: number | undefined;
      readonly count?: number | undefined;
      readonly kind: LayerKind;
      readonly sources: readonly string[];
      /** Bytes of the uncompressed tar. */
      readonly hashed: number;
      /** About how many there will be, where that is known. */
      readonly size?: number | undefined;
    }
  /** A layer begins to be written. */
  | {
      readonly type: "layer";
      /** From 0. */
      readonly index: number;
      readonly count: number;
      readonly kind: LayerKind;
      /** Store paths, or the layer's name in the archive that it comes from. */
      readonly sources: readonly string[];
      /** Of the uncompressed tar. */
      readonly diffId: Digest;
      /** Bytes of the uncompressed tar. */
      readonly size: number;
    }
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
  /** Progress of a layer's upload, or its end. */
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
      /** The layer's fate, at the end. */
      readonly fate?: LayerFate | undefined;
      /** Bytes so far. */
      readonly sent: number;
      /** Bytes; while those of the packed layer are not known, those of the tar in it. */
      readonly size: number;
    }
  /** A script of the spec prints a line. */
  | { readonly type: "log"; readonly script: ScriptName; readonly line: string }
  /** Information; nothing is wrong. */
  | { readonly type: "note"; readonly message: string }
  /** A warning: it works, but perhaps not as intended. */
  | { readonly type: "warning"; readonly message: string };

export type OnProgress = (event: ProgressEvent) => void;

type Told<Type extends ProgressEvent["type"]> = Extract<ProgressEvent, { readonly type: Type }>;

/** What work tells whoever asked for it. Made once from the caller's `onProgress`, and handed down whole. */
export class Progress {
  readonly #tell: OnProgress;

  constructor(onProgress: OnProgress | undefined) {
    this.#tell = onProgress ?? (() => undefined);
  }

  readonly warn = (message: string): void => {
    this.#tell({ type: "warning", message });
  };

  readonly note = (message: string): void => {
    this.#tell({ type: "note", message });
  };

  readonly log = (script: ScriptName, line: string): void => {
    this.#tell({ type: "log", script, line });
  };

  readonly closure = ({ size, narSize }: { readonly size: number; readonly narSize: number }): void => {
    this.#tell({ type: "closure", paths: size, narSize });
  };

  readonly hash = (
    { kind, sources }: Pick<Told<"hash">, "kind" | "sources">,
    event: Omit<Told<"hash">, "type" | "kind" | "sources">,
  ): void => {
    this.#tell({ type: "hash", kind, sources, ...event });
  };

  readonly layer = (
    { kind, sources }: Pick<Told<"layer">, "kind" | "sources">,
    digest: Pick<Told<"layer">, "diffId" | "size">,
    index: number,
    count: number,
  ): void => {
    this.#tell({ type: "layer", index, count, kind, sources, ...digest });
  };

  /** @param blobs all that may be fetched, each once */
  readonly fetch = (
    event: Pick<Told<"fetch">, "digest" | "received" | "size">,
    blobs: readonly Pick<Told<"fetch">, "digest" | "size">[],
  ): void => {
    const index = blobs.findIndex(({ digest }) => digest === event.digest);
    const total = blobs.reduce((sum, { size }) => sum + size, 0);
    this.#tell({ type: "fetch", ...event, index, count: blobs.length, total });
  };

  readonly push = (
    { kind, sources }: Pick<Told<"push">, "kind" | "sources">,
    event: Omit<Told<"push">, "type" | "kind" | "sources" | "index" | "count">,
    index: number,
    count: number,
  ): void => {
    this.#tell({ type: "push", index, count, kind, sources, ...event });
  };
}

/** For work whose events have been told already. */
export const SILENT = new Progress(undefined);
