/** Bytes: streams of them, and who owns their pieces; and bytes that can be read anywhere. */
import { Readable } from "node:stream";

/**
 * Each piece is good only until the next one is asked for: whoever keeps it copies it first. Most sources reuse one
 * buffer, since a new one for every piece costs more than the work on it. So it is with every generator of plain
 * `Uint8Array`s here.
 */
export type BorrowedBytes = AsyncIterable<Uint8Array>;

declare const owned: unique symbol;
/** A piece that its receiver may keep, and any part of it. */
export interface OwnedPiece extends Uint8Array {
  readonly [owned]: true;
  subarray(begin?: number, end?: number): OwnedPiece;
}
/** The pieces may be kept: what a stream, a list, a decoder or a connection takes. */
export type OwnedBytes = AsyncIterable<OwnedPiece>;

/** Bytes in a piece: large enough that a call costs nothing beside it, small enough to stay in the processor's cache. */
export const PIECE = 1 << 19;

/** For a piece that nobody else writes to from now on. */
export function ownedPiece(piece: Uint8Array): OwnedPiece {
  return piece as OwnedPiece;
}

/** For a source whose pieces each have memory of their own, as those of Node's streams have. */
export function ownedBytes(pieces: AsyncIterable<Uint8Array>): OwnedBytes {
  return pieces as OwnedBytes;
}

export async function* copied(pieces: BorrowedBytes): OwnedBytes {
  for await (const piece of pieces) yield ownedPiece(Buffer.from(piece));
}

/** The same pieces. @param onCount called after each with how many bytes have come so far */
export async function* counted<Piece extends Uint8Array>(
  pieces: AsyncIterable<Piece>,
  onCount: ((bytes: number) => void) | undefined,
): AsyncGenerator<Piece> {
  let bytes = 0;
  for await (const piece of pieces) {
    yield piece;
    bytes += piece.length;
    onCount?.(bytes);
  }
}

/** All of it as one piece. */
export async function* once(bytes: Uint8Array): OwnedBytes {
  yield await Promise.resolve(ownedPiece(bytes));
}

/** As a stream of Node's, which reads some pieces ahead. */
export function readable(bytes: OwnedBytes): Readable {
  return Readable.from(bytes, { objectMode: false });
}

export async function collect(bytes: OwnedBytes): Promise<Buffer>;
/** @returns `undefined` where there are more than `limit` bytes; then the rest is not read */
export async function collect(bytes: OwnedBytes, limit: number): Promise<Buffer | undefined>;
export async function collect(bytes: OwnedBytes, limit = Infinity): Promise<Buffer | undefined> {
  const pieces: OwnedPiece[] = [];
  let size = 0;
  for await (const piece of bytes) {
    size += piece.length;
    if (size > limit) return undefined;
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
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
