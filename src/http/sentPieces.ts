/** Pieces, as a connection takes them. */
import { getDefaultHighWaterMark } from "node:stream";
import type { BorrowedBytes } from "../bytes/bytes.js";

/**
 * Bytes that are sent at once. More than a socket keeps before it asks its writer to wait: undici takes the next piece only
 * when one that is as large has left, and so the memory can be used again.
 */
const SENT = Math.max(1 << 18, 2 * getDefaultHighWaterMark(false));

/** Copies into two buffers in turn. New memory for every piece would keep the garbage collector busy. */
export async function* sentPieces(pieces: BorrowedBytes): BorrowedBytes {
  let buffer: Buffer = Buffer.allocUnsafeSlow(SENT);
  let other: Buffer | undefined;
  let filled = 0;
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length;) {
      const part = piece.subarray(at, at + SENT - filled);
      buffer.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled < SENT) continue;
      yield buffer;
      filled = 0;
      [buffer, other] = [other ?? Buffer.allocUnsafeSlow(SENT), buffer];
    }
  }
  if (filled > 0) yield buffer.subarray(0, filled);
}
