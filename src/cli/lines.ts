import { lengthOf, type ShownText, type Span } from "./colour.js";
import type { Io } from "./io.js";

/** Characters collected before they are written. */
const ENOUGH = 65_536;

/** Writes texts as they come, several at a time, so that a long answer is never held whole. */
export async function writeLines({ stdout, signal }: Io, lines: Iterable<ShownText>): Promise<void> {
  let parts: (string | Span)[] = [];
  let length = 0;
  for (const line of lines) {
    if (typeof line === "string") parts.push(line);
    else parts.push(...line);
    length += lengthOf(line);
    if (length < ENOUGH) continue;
    signal.throwIfAborted();
    await stdout.write(parts);
    parts = [];
    length = 0;
  }
  if (parts.length > 0) await stdout.write(parts);
}

/** A JSON array, an item a line. */
export function* jsonArray(items: Iterable<unknown>): Generator<string> {
  let before = "[";
  for (const item of items) {
    yield `${before}${JSON.stringify(item)}`;
    before = ",\n";
  }
  yield before === "[" ? "[]\n" : "]\n";
}
