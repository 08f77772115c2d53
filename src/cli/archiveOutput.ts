/** Archives that commands write. */
import type { Io } from "./io.js";

/**
 * Writes an archive to standard output.
 * @param pieces each good until the next one is asked for
 * @returns its bytes
 */
export async function printArchive({ stdout }: Io, pieces: AsyncIterable<Uint8Array>): Promise<number> {
  let size = 0;
  for await (const piece of pieces) {
    await stdout.write(piece);
    size += piece.length;
  }
  return size;
}
