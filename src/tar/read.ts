/** A layer's tar, read here and now. */
import { createHash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { PIECE } from "../bytes/bytes.js";
import type { FilePart } from "../files/filePart.js";
import type { PartOf } from "./archive.js";
import { Fingerprint } from "./fingerprint.js";
import { diskLayerPieces, isOnDisk, type LayerTar, layerPieces } from "./layerTar.js";
import type { TarSummary } from "./messages.js";

/** A buffer that nobody uses now: memory that was used before costs no page faults. */
let spare: Buffer | undefined;

/**
 * The bytes of a layer's tar. The files are read in this thread, a piece at a time: for a stream that is faster than
 * moving the bytes here from another.
 * @param onEnd told size and fingerprint (see `Fingerprint`) when the last piece has been taken
 * @param partOf what is yielded in place of the bytes of a file on the disk
 * @throws {LaminixError} ERR_FILE_CHANGED, ERR_FILE_READ, ERR_FILE_TYPE; ERR_NAR, ERR_NAR_HASH, ERR_FILE_WRITE
 */
export async function* readLayerTar<Part extends FilePart = never>(
  layer: LayerTar,
  {
    signal,
    onEnd,
    partOf,
  }: {
    readonly signal?: AbortSignal | undefined;
    readonly onEnd?: (summary: { readonly size: number; readonly fingerprint: number }) => void;
    readonly partOf?: PartOf<Part> | undefined;
  } = {},
): AsyncGenerator<Uint8Array | NoInfer<Part>> {
  const fingerprint = new Fingerprint();
  const buffer = spare ?? Buffer.allocUnsafeSlow(PIECE);
  spare = undefined;
  let size = 0;
  const nextBuffer = (): Buffer => buffer;
  const pieces = isOnDisk(layer)
    ? diskLayerPieces(layer, nextBuffer, fingerprint, partOf)
    : layerPieces(layer, nextBuffer, fingerprint, signal);
  for await (const piece of pieces) {
    signal?.throwIfAborted();
    size += piece.length;
    yield piece;
    await nextTurn(); // the rest of the process has its turn between two pieces
  }
  spare = buffer;
  onEnd?.({ size, fingerprint: fingerprint.value });
}

/** Milliseconds between two calls of `onHashed`. */
const TELL_EVERY = 200;

/** Digest, size and fingerprint of a layer's tar, found out in this thread. */
export async function hashLayerTar(
  layer: LayerTar,
  {
    signal,
    onHashed,
  }: {
    readonly signal?: AbortSignal | undefined;
    /** Called with the bytes so far. */
    readonly onHashed?: ((bytes: number) => void) | undefined;
  } = {},
): Promise<TarSummary> {
  const digest = createHash("sha256");
  let summary = { size: 0, fingerprint: 0 };
  const onEnd = (made: typeof summary): void => {
    summary = made;
  };
  let hashed = 0;
  let told = performance.now();
  for await (const piece of readLayerTar(layer, { signal, onEnd })) {
    digest.update(piece);
    hashed += piece.length;
    if (performance.now() - told < TELL_EVERY) continue;
    told = performance.now();
    onHashed?.(hashed);
  }
  return { sha256: digest.digest("hex"), ...summary };
}
