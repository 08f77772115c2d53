/** Sends archives to an engine (Docker Engine API, "ImageLoad"). */
import { type BorrowedBytes, counted } from "../../bytes/bytes.js";
import { textIn } from "../../image/fields.js";
import { parseJson } from "../../bytes/json.js";
import { LineSplitter } from "../../process/lines.js";
import type { EngineClient } from "./client.js";

export interface LoadArchiveOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called with how many bytes are on their way, or have arrived. */
  readonly onSent?: (bytes: number) => void;
}

/**
 * @param pieces of an archive
 * @throws {LaminixError} ERR_ENGINE where the engine does not take it, ERR_ENGINE_UNREACHABLE, also where the line breaks
 * @throws what the pieces throw
 */
export async function loadArchive(
  client: EngineClient,
  pieces: BorrowedBytes,
  { signal, onSent }: LoadArchiveOptions = {},
): Promise<void> {
  const answer = await client.request({
    method: "POST",
    path: "images/load",
    query: { quiet: "1" },
    contentType: "application/x-tar",
    body: counted(pieces, onSent),
    expect: [200],
    // It unpacks the layers before it says a word.
    silence: 0,
    signal,
  });
  // An engine that has begun to answer tells of what goes wrong later in the answer itself, a line each.
  let refusal: string | undefined;
  const lines = new LineSplitter((line) => (refusal ??= errorIn(line)));
  for await (const piece of answer.bytes()) lines.push(piece);
  lines.end();
  if (refusal !== undefined) throw client.refusal(refusal);
}

function errorIn(line: string): string | undefined {
  if (line.trim() === "") return undefined;
  return textIn(parsed(line), "error");
}

function parsed(line: string): ReturnType<typeof parseJson> {
  try {
    return parseJson(line, "a line");
  } catch {
    return null; // a word for people
  }
}
