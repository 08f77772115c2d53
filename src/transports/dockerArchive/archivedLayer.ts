/** A layer that lies in an archive on this disk. */
import { LaminixError } from "../../errors.js";
import type { Digest, Layer, LayerDigest, LayerKind, LayerOptions } from "../../image/layer.js";
import { PIECE } from "../../tar/archive.js";
import type { ArchiveFile } from "./archiveFile.js";

/** How the layer is written in the archive that it comes from. */
export interface ArchiveMember {
  readonly name: string;
  /** The member's header in canonical form, PAX blocks included. */
  readonly header: Buffer;
  /** Bytes of the member's own body: 0 for a link. */
  readonly size: number;
}

export interface ArchivedLayerOptions {
  readonly kind: LayerKind;
  readonly sources: readonly string[];
  readonly member: ArchiveMember;
  readonly diffId: Digest;
  /** What holds the uncompressed layer, and where in it that is. */
  readonly file: ArchiveFile;
  readonly offset: number;
  readonly size: number;
}

export class ArchivedLayer implements Layer {
  readonly kind: LayerKind;
  readonly sources: readonly string[];
  readonly member: ArchiveMember;
  readonly #options: ArchivedLayerOptions;

  constructor(options: ArchivedLayerOptions) {
    this.#options = options;
    this.member = options.member;
    this.kind = options.kind;
    this.sources = options.sources;
  }

  diffId(): Promise<LayerDigest> {
    const { diffId, size } = this.#options;
    return Promise.resolve({ diffId, size });
  }

  async *open({ signal }: LayerOptions = {}): AsyncGenerator<Uint8Array> {
    const { file, offset, size } = this.#options;
    const chunk = Buffer.allocUnsafeSlow(PIECE);
    for (let done = 0; done < size;) {
      signal?.throwIfAborted();
      const bytesRead = await file.read(chunk, Math.min(PIECE, size - done), offset + done);
      if (bytesRead === 0) {
        throw new LaminixError("ERR_ARCHIVE", `the archive that holds ${this.member.name} became shorter`);
      }
      done += bytesRead;
      yield chunk.subarray(0, bytesRead);
    }
  }
}
