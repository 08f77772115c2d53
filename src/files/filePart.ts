/** A part of a file in place of its bytes: the kernel passes it on to a pipe without anyone having them in memory. */

export interface FilePart {
  readonly descriptor: number;
  /** Bytes from where the file stands. */
  readonly length: number;
  /** For those who do want the bytes: reads on; at least one. Throws where there are no more, or they cannot be read. */
  read(into: Buffer, at: number, length: number): number;
}

/** Each is good only until the next one is asked for, as with bytes alone. */
export type BytesOrPart = Uint8Array | FilePart;
