/** A layer made of a tree: what a spec puts into the root of an image. */
import { createHash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { LaminixError } from "../errors.js";
import { Fingerprint } from "../tar/fingerprint.js";
import type { FolderNode } from "../tree/node.js";
import type { Annotations } from "./descriptor.js";
import { type HardLinks, treePieces } from "../tree/tar.js";
import type { Layer, LayerDigest, LayerOptions, MadeSource } from "./layer.js";
import type { LayerKind } from "../progress.js";

/** Milliseconds between two calls of `onHashed`. */
const TELL_EVERY = 200;

export interface TreeLayerOptions {
  readonly kind: LayerKind;
  readonly sources: readonly string[];
  readonly contentKey?: string | undefined;
  /** Of its descriptor. */
  readonly annotations?: Annotations | undefined;
  /** Unix seconds. */
  readonly mtime: number;
  readonly hardLinks?: HardLinks | undefined;
  /** Aborts what is asked for without a signal. */
  readonly signal?: AbortSignal | undefined;
  /** Called with the bytes that have been hashed so far, several times a second at the most. */
  readonly onHashed?: ((bytes: number) => void) | undefined;
  /** Called each time that the layer is read. */
  readonly tree: (options: LayerOptions) => Promise<FolderNode>;
}

export class TreeLayer implements Layer {
  readonly kind: LayerKind;
  readonly sources: readonly string[];
  readonly source: MadeSource;
  readonly #mtime: number;
  readonly #hardLinks: HardLinks | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #onHashed: TreeLayerOptions["onHashed"];
  readonly #tree: TreeLayerOptions["tree"];
  #hashed: (LayerDigest & { readonly fingerprint: number }) | undefined;

  constructor(options: TreeLayerOptions) {
    const { kind, sources, contentKey, annotations, mtime, hardLinks, signal, onHashed, tree } = options;
    this.kind = kind;
    this.sources = sources;
    this.source = { kind: "made", contentKey, annotations };
    this.#mtime = mtime;
    this.#hardLinks = hardLinks;
    this.#signal = signal;
    this.#onHashed = onHashed;
    this.#tree = tree;
  }

  async diffId(options: LayerOptions = {}): Promise<LayerDigest> {
    if (!this.#hashed) await this.read(() => undefined, options);
    const { diffId, size } = this.#hashed as LayerDigest;
    return { diffId, size };
  }

  /** Reads the layer once, for its digest and for whoever else wants to see its bytes. */
  async read(see: (piece: Uint8Array) => void, options: LayerOptions = {}): Promise<void> {
    const hash = createHash("sha256");
    const fingerprint = new Fingerprint();
    let size = 0;
    let told = performance.now();
    for await (const piece of this.#pieces(fingerprint, options)) {
      hash.update(piece);
      see(piece);
      size += piece.length;
      if (performance.now() - told < TELL_EVERY) continue;
      told = performance.now();
      this.#onHashed?.(size);
    }
    this.#onHashed?.(size);
    this.#hashed = { diffId: `sha256:${hash.digest("hex")}`, size, fingerprint: fingerprint.value };
  }

  async *open(options: LayerOptions = {}): AsyncGenerator<Uint8Array> {
    const fingerprint = new Fingerprint();
    let size = 0;
    for await (const piece of this.#pieces(fingerprint, options)) {
      size += piece.length;
      yield piece;
    }
    const hashed = this.#hashed;
    if (hashed && (hashed.size !== size || hashed.fingerprint !== fingerprint.value)) {
      throw new LaminixError(
        "ERR_FILE_CHANGED",
        "files that go into the image's root changed after they were hashed",
        {
          details: { paths: this.sources },
          hint: "leave them as they are until the image has been written",
        },
      );
    }
  }

  async *#pieces(
    fingerprint: Fingerprint,
    { signal = this.#signal }: LayerOptions,
  ): AsyncGenerator<Uint8Array> {
    const root = await this.#tree({ signal });
    const options = { mtime: this.#mtime, hardLinks: this.#hardLinks, signal, fingerprint };
    for await (const piece of treePieces(root, options)) {
      yield piece;
      await nextTurn(); // the rest of the process has its turn between two pieces
      signal?.throwIfAborted();
    }
  }
}
