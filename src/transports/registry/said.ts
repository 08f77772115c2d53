/** What a registry says of a failure (OCI distribution-spec, "Error Codes"). */
import { listIn, objectIn, textIn } from "../../image/fields.js";
import { isArray, isObject, type Json, parseJson } from "../../bytes/json.js";
import type { Answer } from "./exchange.js";

export interface Said {
  /** The registry's own code: `MANIFEST_UNKNOWN`. */
  readonly code?: string;
  /** One short line; empty where it says nothing. */
  readonly text: string;
}

/** Bytes of a body that are looked at, and characters that are told. */
const MOST_BYTES = 1 << 16;
const MOST_TEXT = 300;

/**
 * Reads an answer's body; what goes wrong meanwhile is not told, since the status is what counts.
 * @param redacted takes secrets out of a text, before it is cut: half a secret is not recognised
 */
export async function saidIn(
  { body }: Pick<Answer, "body">,
  redacted = (text: string): string => text,
): Promise<Said> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const piece of body as AsyncIterable<Uint8Array>) {
      pieces.push(piece);
      size += piece.length;
      if (size > MOST_BYTES) break;
    }
  } catch {
    // See above.
  }
  return read(Buffer.concat(pieces).toString("utf8"), redacted);
}

function read(text: string, redacted: (text: string) => string): Said {
  let json: Json;
  try {
    json = parseJson(text, "the answer");
  } catch {
    // A proxy's page, perhaps; a word or two of plain text are worth telling.
    return { text: text.includes("<") ? "" : line(redacted(text)) };
  }
  if (!isObject(json)) return { text: "" };
  const first = isArray(json.get("errors")) ? listIn(json, "errors").find(isObject) : json;
  const field = (name: string): string => line(redacted(textIn(first, name) ?? ""));
  const code = field("code");
  const message = [field("message"), field("details"), field("error_description"), field("error"), code].find(
    Boolean,
  );
  const detail = field("detail") || line(redacted(textIn(objectIn(first, "detail"), "message") ?? ""));
  const said = [message, detail].filter(Boolean).join(": ");
  return { ...(code !== "" && { code }), text: said.slice(0, MOST_TEXT) };
}

/** Nothing that moves a terminal's cursor. */
function line(text: string): string {
  return text
    .replace(/[^\P{C}\t\n]/gu, "")
    .replace(/\s+/g, " ")
    .trim()
    .slice(0, MOST_TEXT);
}
