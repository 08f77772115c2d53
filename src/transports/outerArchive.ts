/** The members of an archive that an image goes into, with the headers that nixpkgs' image builder gives them. */
import type { BytesOrPart } from "../files/filePart.js";
import { endOfArchive } from "../tar/archive.js";
import { HeaderEncoder, padded } from "../tar/header.js";

export class OuterArchive {
  readonly #headers: HeaderEncoder;
  #total = 0;

  /** @param mtime Unix seconds, of all members */
  constructor(mtime: number) {
    this.#headers = new HeaderEncoder({ uid: 0, gid: 0, uname: "", gname: "" }, mtime);
  }

  file(name: string, body: Uint8Array): Uint8Array {
    const header = this.#header(name, body.length);
    return this.#counted(Buffer.concat([header, body, Buffer.alloc(padded(body.length) - body.length)]));
  }

  /**
   * A file whose bytes come in pieces.
   * @param size how many bytes they are
   * @param header in place of its own
   */
  async *member<Piece extends BytesOrPart>(
    name: string,
    size: number,
    pieces: () => AsyncIterable<Piece>,
    header: Uint8Array = this.#header(name, size),
  ): AsyncGenerator<Uint8Array | Piece> {
    yield this.#counted(header);
    if (size === 0) return;
    for await (const piece of pieces()) yield this.#counted(piece);
    const padding = padded(size) - size;
    if (padding > 0) yield this.#counted(Buffer.alloc(padding));
  }

  end(): Uint8Array {
    return Buffer.alloc(endOfArchive(this.#total));
  }

  #header(name: string, size: number): Buffer {
    return this.#headers.encode({ type: "file", name, mode: 0o644, size, linkname: "" });
  }

  #counted<Piece extends BytesOrPart>(piece: Piece): Piece {
    this.#total += piece.length;
    return piece;
  }
}
