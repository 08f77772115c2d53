/** What is sent as a blob. */
import { type BorrowedBytes, collect, copied } from "../../bytes/bytes.js";
import { type Digest, Digester, requireDigest } from "../../bytes/digest.js";
import { LaminixError } from "../../errors.js";
import type { BlobIdentity, BlobOptions } from "./blobs.js";

export interface UploadSource {
  /** Where it is known before. */
  readonly digest?: Digest | undefined;
  /** Bytes, where they are known before. */
  readonly size?: number | undefined;
  /** The bytes from their start, every time. */
  open(options: BlobOptions): BorrowedBytes;
}

/** Reads the source, as often as it has to be, and knows what it is. */
export class SourceReader {
  readonly #source: UploadSource;
  readonly #signal: AbortSignal | undefined;
  readonly #digester = new Digester();
  #hashed = 0;
  #identity: BlobIdentity | undefined;
  #failure: { readonly error: unknown } | undefined;
  /** Bytes read so far, of the last reading. */
  position = 0;

  constructor(source: UploadSource, { signal }: BlobOptions) {
    this.#source = source;
    this.#signal = signal;
  }

  async *from(offset: number): BorrowedBytes {
    this.position = 0;
    try {
      for await (const piece of this.#source.open({ signal: this.#signal })) {
        const start = this.position;
        this.position += piece.length;
        this.#take(piece, start);
        if (this.position > offset) yield piece.subarray(Math.max(0, offset - start));
      }
      this.#end();
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }

  /** Throws what the source threw: no fault of the line, so sending again does not help. */
  rethrow(): void {
    if (this.#failure) throw this.#failure.error;
  }

  bytes(): Promise<Buffer> {
    return collect(copied(this.from(0)));
  }

  /** What the bytes are; read for it where they have not all been. */
  async identity(): Promise<BlobIdentity> {
    if (!this.#identity) for await (const _ of this.from(0));
    return this.#identity as BlobIdentity;
  }

  #take(piece: Uint8Array, start: number): void {
    const { size } = this.#source;
    if (size !== undefined && this.position > size) throw this.#otherSize(`more than ${String(size)}`);
    if (this.position <= this.#hashed) return;
    this.#digester.update(piece.subarray(this.#hashed - start));
    this.#hashed = this.position;
  }

  #end(): void {
    const { size, digest } = this.#source;
    if (size !== undefined && this.position !== size) throw this.#otherSize(String(this.position));
    if (this.#identity) return;
    const found = this.#digester.digest();
    if (digest !== undefined) requireDigest("the blob to send", digest, found);
    this.#identity = { digest: found, size: this.position };
  }

  #otherSize(actual: string): LaminixError {
    const { size, digest } = this.#source;
    return new LaminixError(
      "ERR_DIGEST",
      `the blob to send has ${actual} bytes where it should have ${String(size)}`,
      {
        details: { digest, expected: size, actual },
      },
    );
  }
}
