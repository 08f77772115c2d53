/** A layer's tar, read here and now. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { PIECE } from "./archive.js";
import { Fingerprint } from "./fingerprint.js";
import { type LayerTar, layerPieces } from "./layerTar.js";

/** A buffer that nobody uses now: memory that was used before costs no page faults. */
let spare: Buffer | undefined;

/**
 * The bytes of a layer's tar, in pieces. A piece is good until the next one is asked for. The files are read in this
 * thread, a piece at a time: for a stream that is faster than moving the bytes here from another.
 * @param onEnd told size and fingerprint (see `Fingerprint`) when the last piece has been taken
 * @throws {LaminixError} ERR_FILE_CHANGED, ERR_FILE_READ, ERR_FILE_TYPE
 */
export async function* readLayerTar(
  layer: LayerTar,
  {
    signal,
    onEnd,
  }: {
    readonly signal?: AbortSignal | undefined;
    readonly onEnd?: (summary: { readonly size: number; readonly fingerprint: number }) => void;
  } = {},
): AsyncGenerator<Uint8Array> {
  const fingerprint = new Fingerprint();
  const buffer = spare ?? Buffer.allocUnsafeSlow(PIECE);
  spare = undefined;
  let size = 0;
  for (const piece of layerPieces(layer, () => buffer, fingerprint)) {
    signal?.throwIfAborted();
    size += piece.length;
    yield piece;
    await nextTurn(); // the rest of the process has its turn between two pieces
  }
  spare = buffer;
  onEnd?.({ size, fingerprint: fingerprint.value });
}
