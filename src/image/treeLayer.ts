/** A layer made of a tree: what a spec puts into the root of an image. */
import { createHash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { LaminixError } from "../errors.js";
import { Fingerprint } from "../tar/fingerprint.js";
import type { FolderNode } from "../tree/node.js";
import { treePieces } from "../tree/tar.js";
import type { Layer, LayerDigest, LayerKind, LayerOptions } from "./layer.js";

export interface TreeLayerOptions {
  readonly kind: LayerKind;
  readonly sources: readonly string[];
  readonly contentKey?: string | undefined;
  /** Unix seconds. */
  readonly mtime: number;
  /** Called each time that the layer is read. */
  readonly tree: (options: LayerOptions) => Promise<FolderNode>;
}

export class TreeLayer implements Layer {
  readonly kind: LayerKind;
  readonly sources: readonly string[];
  readonly contentKey: string | undefined;
  readonly #mtime: number;
  readonly #tree: TreeLayerOptions["tree"];
  #hashed: (LayerDigest & { readonly fingerprint: number }) | undefined;

  constructor({ kind, sources, contentKey, mtime, tree }: TreeLayerOptions) {
    this.kind = kind;
    this.sources = sources;
    this.contentKey = contentKey;
    this.#mtime = mtime;
    this.#tree = tree;
  }

  async diffId(options: LayerOptions = {}): Promise<LayerDigest> {
    if (!this.#hashed) {
      const hash = createHash("sha256");
      const fingerprint = new Fingerprint();
      let size = 0;
      for await (const piece of this.#pieces(fingerprint, options)) {
        hash.update(piece);
        size += piece.length;
      }
      this.#hashed = { diffId: `sha256:${hash.digest("hex")}`, size, fingerprint: fingerprint.value };
    }
    const { diffId, size } = this.#hashed;
    return { diffId, size };
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
        },
      );
    }
  }

  async *#pieces(fingerprint: Fingerprint, options: LayerOptions): AsyncGenerator<Uint8Array> {
    const { signal } = options;
    for await (const piece of treePieces(await this.#tree(options), {
      mtime: this.#mtime,
      signal,
      fingerprint,
    })) {
      yield piece;
      await nextTurn(); // the rest of the process has its turn between two pieces
    }
  }
}
