/** Requests that end with a body: what is added to a store. */
import { abortable, abortScope, untilAborted } from "../abort.js";
import type { Connection } from "./connection.js";
import type { NativeCall, NativeOperations } from "./native.js";
import { listenerOf, type WorkOptions } from "./work.js";

/** Bytes in a frame: what came larger is sent in several. */
const FRAME = 1 << 20;
const END = new Uint8Array();

/** Milliseconds that a daemon has to say that it refuses a body that will not be whole. */
const LAST_WORD = 1000;

/**
 * Asks, sends the body as there is room for it, and waits for the answer. If the body fails, so does the operation, and
 * the connection with it: half a body cannot be taken back.
 */
export async function send<Name extends "addToStore" | "addToStoreNar">(
  connection: Connection,
  operation: Name,
  request: NativeOperations[Name][0],
  body: AsyncIterable<Uint8Array>,
  options: WorkOptions,
): Promise<NativeOperations[Name][1]> {
  // Without the signal: what the daemon says is of interest even to one who gives up.
  const answer = connection.call((native): NativeCall<NativeOperations[Name][1]> =>
    native.ask(operation, request, listenerOf(options)),
  );
  // Once the daemon has failed, or the caller has given up, there is no use in reading on.
  using over = abortScope(options.signal);
  answer.catch((error: unknown) => {
    over.abort(error);
  });
  const frame = (bytes: Uint8Array): Promise<void> =>
    abortable(
      connection.call((native) => native.frame(bytes)),
      over.signal,
    );
  try {
    for await (const bytes of untilAborted(body, over.signal)) {
      for (let at = 0; at < bytes.length; at += FRAME) await frame(bytes.subarray(at, at + FRAME));
    }
    await frame(END);
  } catch (error) {
    await giveUp(connection, answer);
    throw error;
  }
  return await abortable(answer, over.signal);
}

/** A daemon that only sees the connection end takes a file for whole that is not. */
async function giveUp(connection: Connection, answer: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => (timer = setTimeout(resolve, LAST_WORD)));
  const refused = Promise.all([connection.call((native) => native.breakBody()), answer]);
  await Promise.race([refused, patience]).catch(() => undefined);
  clearTimeout(timer);
}
