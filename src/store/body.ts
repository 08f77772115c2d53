/** Requests that end with a body: what is added to a store. */
import { abortableItems } from "../abort.js";
import type { Connection } from "./connection.js";
import type { NativeCall, NativeOperations } from "./native.js";
import { listenerOf, type WorkOptions } from "./work.js";

/** Bytes in a frame: what came larger is sent in several. */
const FRAME = 1 << 20;
const END = new Uint8Array();

/**
 * Asks, sends the body as there is room for it, and waits for the answer. If the body fails, so does the connection:
 * half a body cannot be taken back.
 */
export async function send<Name extends "addToStore" | "addToStoreNar">(
  connection: Connection,
  operation: Name,
  request: NativeOperations[Name][0],
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: WorkOptions,
): Promise<NativeOperations[Name][1]> {
  const answer = connection.call(
    (native): NativeCall<NativeOperations[Name][1]> => native.ask(operation, request, listenerOf(options)),
    options,
  );
  // Once the daemon has failed, or the caller has given up, there is no use in reading on.
  const over = new AbortController();
  answer.catch((error: unknown) => {
    over.abort(error);
  });
  const frame = (bytes: Uint8Array): Promise<void> =>
    connection.call((native) => native.frame(bytes), options);
  for await (const bytes of abortableItems(body, over.signal)) {
    for (let at = 0; at < bytes.length; at += FRAME) await frame(bytes.subarray(at, at + FRAME));
  }
  await frame(END);
  return answer;
}
