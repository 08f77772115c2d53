/** A NAR as what is in it. */
import { untilAborted } from "../abort.js";
import { requireByteStream, requireKnown, requireOneOf, requireString } from "../arguments.js";
import type { BorrowedBytes } from "../bytes/bytes.js";
import { ArgumentError } from "../errors.js";
import { type NarEvent, type NarFormatOptions, NarParser } from "./parser.js";

export interface ReadNarOptions extends NarFormatOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * What is in a NAR, as it comes in: nothing is copied, and nothing kept but the names on the way to where it is. It is
 * checked as strictly as Nix writes it, so there is one NAR only that gives the same events.
 *
 * With `trailing: "ignore"` the stream is not asked for more than the NAR.
 * @throws {LaminixError} ERR_NAR with `details.offset` and `details.expected`
 */
export function readNar(stream: BorrowedBytes, options: ReadNarOptions = {}): AsyncGenerator<NarEvent> {
  requireByteStream(stream, "stream");
  requireKnown(options, ["signal", "name", "trailing"]);
  if (options.name !== undefined) requireString(options.name, "options.name");
  requireOneOf(options.trailing ?? "refuse", ["refuse", "ignore"], "options.trailing");
  return eventsOf(stream, options);
}

async function* eventsOf(stream: BorrowedBytes, options: ReadNarOptions): AsyncGenerator<NarEvent> {
  for await (const events of narBatches(stream, options)) for (const event of events) yield event;
}

/** The same, those of a chunk together, so that nobody has to wait for each. They have to be taken in order. */
export async function* narBatches(
  stream: BorrowedBytes,
  options: ReadNarOptions,
): AsyncGenerator<Iterable<NarEvent>> {
  const parser = new NarParser(options);
  for await (const chunk of untilAborted(stream, options.signal)) {
    if (!(chunk instanceof Uint8Array)) throw new ArgumentError("stream", "of Uint8Array", chunk);
    yield parser.push(chunk);
    if (parser.isAtEnd && options.trailing === "ignore") return;
  }
  parser.end();
}
