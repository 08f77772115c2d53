/** Archives that commands write. */
import type { BorrowedBytes } from "../bytes/bytes.js";
import type { Io } from "./io.js";

/**
 * Writes an archive to standard output.
 * @returns its bytes
 */
export async function printArchive({ stdout }: Io, pieces: BorrowedBytes): Promise<number> {
  let size = 0;
  for await (const piece of pieces) {
    await stdout.write(piece);
    size += piece.length;
  }
  return size;
}
