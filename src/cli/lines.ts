import type { Io } from "./io.js";

/** Characters collected before they are written. */
const ENOUGH = 65_536;

/** Writes texts as they come, several at a time, so that a long answer is never held whole. */
export async function writeLines({ stdout, signal }: Io, lines: Iterable<string>): Promise<void> {
  let text = "";
  for (const line of lines) {
    text += line;
    if (text.length < ENOUGH) continue;
    signal.throwIfAborted();
    await stdout.write(text);
    text = "";
  }
  if (text !== "") await stdout.write(text);
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
