/**
 * A thread that makes layer tars, one after another. Files are read synchronously: handing each read to a thread pool
 * costs many times what the read itself does. Every few pieces it looks whether it was told to stop.
 */
import { createHash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { workerData } from "node:worker_threads";
import { PIECE } from "../bytes/bytes.js";
import { serve } from "../threads/serve.js";
import { MIN_BUFFER } from "./archive.js";
import { Arena, type Draft } from "./arena.js";
import { Fingerprint } from "./fingerprint.js";
import { diskLayerPieces } from "./layerTar.js";
import type { TarNotice, TarResult, TarTask, WorkerData } from "./messages.js";

const arena = new Arena((workerData as WorkerData).memory);
const scratch = Buffer.allocUnsafeSlow(PIECE);
/** Pieces made between two looks at the messages: some milliseconds' worth. */
const PIECES_A_TURN = 16;
const stopped = new Set<number>();

/** Milliseconds between two reports. */
const REPORT_EVERY = 200;

async function make(
  { layer, keep }: TarTask,
  id: number,
  report: (hashed: number) => void,
): Promise<TarResult> {
  let reported = performance.now();
  const digest = createHash("sha256");
  let draft: Draft | undefined = keep ? arena.open(id) : undefined;
  const nextBuffer = (): Buffer => {
    const place = draft?.next(MIN_BUFFER, PIECE);
    if (place) return place;
    if (draft) arena.release(id); // it does not fit
    draft = undefined;
    return scratch;
  };
  const fingerprint = new Fingerprint();
  let size = 0;
  let pieces = 0;
  try {
    for (const piece of diskLayerPieces(layer, nextBuffer, fingerprint)) {
      digest.update(piece);
      draft?.advance(piece.length);
      size += piece.length;
      if (performance.now() - reported >= REPORT_EVERY) {
        reported = performance.now();
        report(size);
      }
      if (++pieces % PIECES_A_TURN === 0) await nextTurn();
      if (stopped.delete(id)) {
        arena.release(id);
        return undefined;
      }
    }
  } catch (error) {
    arena.release(id);
    throw error;
  }
  const summary = { sha256: digest.digest("hex"), size, fingerprint: fingerprint.value };
  return { summary, ...(draft && { kept: draft.keep() }) };
}

serve(make, ({ kind, id }: TarNotice) => {
  if (kind === "stop") stopped.add(id);
  else arena.release(id);
});
