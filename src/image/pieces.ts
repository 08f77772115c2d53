/** Streams of bytes whose pieces are good only until the next one is asked for. */

/** The same bytes in pieces that may be kept. */
export async function* copied(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  for await (const piece of pieces) yield Buffer.from(piece);
}
