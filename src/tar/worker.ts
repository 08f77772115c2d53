/**
 * A thread that hashes layer tars, one after another. Files are read synchronously: handing each read to a thread
 * pool costs many times what the read itself does. Every few pieces it looks whether it was told to stop.
 */
import { createHash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { parentPort } from "node:worker_threads";
import { LaminixError } from "../errors.js";
import { Fingerprint, PIECE } from "./archive.js";
import { type LayerTar, layerPieces } from "./layerTar.js";
import type { PlainError, Reply, Request } from "./messages.js";

const port = parentPort;
if (!port) throw new Error("this file runs in a worker thread only");

const buffer = Buffer.allocUnsafeSlow(PIECE);
/** Pieces hashed between two looks at the messages: some milliseconds' worth. */
const PIECES_A_TURN = 16;
const stopped = new Set<number>();
let last = Promise.resolve();

function answer(reply: Reply): void {
  port?.postMessage(reply);
}

async function hash(id: number, layer: LayerTar): Promise<void> {
  const digest = createHash("sha256");
  const fingerprint = new Fingerprint();
  let size = 0;
  let pieces = 0;
  for (const piece of layerPieces(layer, buffer, fingerprint)) {
    digest.update(piece);
    size += piece.length;
    if (++pieces % PIECES_A_TURN === 0) await nextTurn();
    if (stopped.delete(id)) {
      answer({ kind: "stopped", id });
      return;
    }
  }
  answer({
    kind: "hashed",
    id,
    summary: { sha256: digest.digest("hex"), size, fingerprint: fingerprint.value },
  });
}

function plain(error: unknown): PlainError {
  if (error instanceof LaminixError) {
    const { code, message, hint, details, cause } = error;
    return { code, message, hint, details, cause: cause instanceof Error ? cause.message : undefined };
  }
  return { code: "ERR_INTERNAL", message: String(error), hint: undefined, details: {}, cause: undefined };
}

port.on("message", (request: Request) => {
  const { id } = request;
  if (request.kind === "stop") {
    stopped.add(id);
    return;
  }
  last = last
    .then(() => hash(id, request.layer))
    .catch((error: unknown) => {
      answer({ kind: "failed", id, error: plain(error) });
    });
});
