/** Streams of bytes, and who owns their pieces. */

/**
 * Each piece is good only until the next one is asked for: whoever keeps it copies it first. Most sources reuse one
 * buffer, since a new one for every piece costs more than the work on it.
 */
export type BorrowedBytes = AsyncIterable<Uint8Array>;

/** Bytes in a piece: large enough that a call costs nothing beside it, small enough to stay in the processor's cache. */
export const PIECE = 1 << 19;

declare const owned: unique symbol;
/** A piece that its receiver may keep. */
export type OwnedPiece = Uint8Array & { readonly [owned]: true };
/** Its pieces may be kept: what a stream, or a list, may take. */
export type OwnedBytes = AsyncIterable<OwnedPiece>;

export async function* copied(pieces: BorrowedBytes): AsyncGenerator<OwnedPiece> {
  for await (const piece of pieces) yield Buffer.from(piece) as Uint8Array as OwnedPiece;
}

/** All of it as one piece. */
export async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}

/** Bytes that can be read anywhere. */
export interface RandomAccess {
  readonly size: number;
  /**
   * Reads into `target`, from its start.
   * @returns how many bytes; 0 at the end
   */
  read(target: Buffer, length: number, position: number): number;
}
