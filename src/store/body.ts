/** Requests that end with a body: what is added to a store. */
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
  // A daemon that has failed reads the rest all the same, but there is no use in sending it.
  const state = { failed: false };
  answer.catch(() => (state.failed = true));
  const frame = (bytes: Uint8Array): Promise<void> =>
    connection.call((native) => native.frame(bytes), options);
  for await (const bytes of body) {
    for (let at = 0; at < bytes.length && !state.failed; at += FRAME)
      await frame(bytes.subarray(at, at + FRAME));
    if (state.failed) break;
  }
  await frame(END);
  return answer;
}
