/** Archives that commands write. */
import type { ImageSpec } from "../builders/spec.js";
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

/**
 * How an image's file is compressed: as the flag says, else as the spec does, else as the file is called.
 * @throws {LaminixError} ERR_USAGE
 */
export async function compressorFor(
  { compressor }: Pick<ImageSpec, "compressor">,
  { output, compress }: { readonly output: string; readonly compress?: string },
): Promise<NonNullable<ImageSpec["compressor"]>> {
  if (compress === undefined && compressor !== undefined) return compressor;
  const { compressionFor } = await import("../transports/file.js");
  return compressionFor(output, compress);
}
