/**
 * A thread that makes layer tars, one after another. Files are read synchronously: handing each read to a thread pool
 * costs many times what the read itself does. Every few pieces it looks whether it was told to stop.
 */
import { createHash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { LaminixError } from "../errors.js";
import { MIN_BUFFER } from "./archive.js";
import { PIECE } from "../bytes/bytes.js";
import { Arena, type Draft } from "./arena.js";
import { Fingerprint } from "./fingerprint.js";
import { type DiskLayerTar, diskLayerPieces } from "./layerTar.js";
import type { PlainError, Reply, Request, WorkerData } from "./messages.js";

const port = parentPort;
if (!port) throw new Error("this file runs in a worker thread only");

/** Bytes that this thread may keep. */
const { keeps } = workerData as WorkerData;
const arena = new Arena(keeps);
const scratch = Buffer.allocUnsafeSlow(PIECE);
/** Pieces made between two looks at the messages: some milliseconds' worth. */
const PIECES_A_TURN = 16;
const stopped = new Set<number>();
let last = Promise.resolve();

function answer(reply: Reply): void {
  port?.postMessage(reply);
}

async function make(id: number, layer: DiskLayerTar, keep: boolean): Promise<void> {
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
      if (++pieces % PIECES_A_TURN === 0) await nextTurn();
      if (stopped.delete(id)) {
        arena.release(id);
        answer({ kind: "stopped", id });
        return;
      }
    }
  } catch (error) {
    arena.release(id);
    throw error;
  }
  const summary = { sha256: digest.digest("hex"), size, fingerprint: fingerprint.value };
  answer({ kind: "made", id, summary, ...(draft && { kept: draft.keep() }) });
}

function plain(error: unknown): PlainError {
  if (error instanceof LaminixError) {
    const { code, message, hint, details, cause } = error;
    return { code, message, hint, details, cause: cause instanceof Error ? cause.message : undefined };
  }
  return { code: "ERR_INTERNAL", message: String(error), hint: undefined, details: {}, cause: undefined };
}

answer({ kind: "memory", memory: arena.memory });
port.on("message", (request: Request) => {
  const { id } = request;
  switch (request.kind) {
    case "make":
      last = last
        .then(() => make(id, request.layer, request.keep))
        .catch((error: unknown) => {
          answer({ kind: "failed", id, error: plain(error) });
        });
      break;
    case "stop":
      stopped.add(id);
      break;
    case "release":
      arena.release(id);
      break;
  }
});
