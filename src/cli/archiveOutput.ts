/** Archives that commands write. */
import { PIECE } from "../bytes/bytes.js";
import type { BytesOrPart, FilePart } from "../files/filePart.js";
import type { Io } from "./io.js";

/**
 * Writes an archive to standard output.
 * @returns its bytes
 */
export async function printArchive({ stdout }: Io, pieces: AsyncIterable<BytesOrPart>): Promise<number> {
  let size = 0;
  for await (const piece of pieces) {
    await (piece instanceof Uint8Array ? stdout.write(piece) : printPart(piece, stdout));
    size += piece.length;
  }
  return size;
}

async function printPart(part: FilePart, stdout: Io["stdout"]): Promise<void> {
  let left = part.length - ((await stdout.pass?.(part)) ?? 0);
  if (left === 0) return;
  const buffer = Buffer.allocUnsafeSlow(Math.min(left, PIECE));
  while (left > 0) {
    const got = part.read(buffer, 0, Math.min(left, buffer.length));
    await stdout.write(buffer.subarray(0, got));
    left -= got;
  }
}
