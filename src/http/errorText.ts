/** What a server says of a failure: a registry (OCI distribution-spec, "Error Codes"), an engine, an OAuth 2 server. */
import { isArray, isObject, type Json, type JsonObject, parseJson } from "../bytes/json.js";

export interface ErrorText {
  /** The server's own code: `MANIFEST_UNKNOWN`. */
  readonly code?: string;
  /** One short line; empty where it says nothing. */
  readonly text: string;
}

/** Bytes of a body that are looked at, and characters that are text. */
const MOST_BYTES = 1 << 16;
const MOST_TEXT = 300;

/**
 * Reads an answer's body; what goes wrong meanwhile is not text, since the status is what counts.
 * @param redacted takes secrets out of a text, before it is cut: half a secret is not recognised
 */
export async function errorTextIn(
  body: AsyncIterable<Uint8Array>,
  redacted = (text: string): string => text,
): Promise<ErrorText> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const piece of body) {
      pieces.push(piece);
      size += piece.length;
      if (size > MOST_BYTES) break;
    }
  } catch {
    // See above.
  }
  return read(Buffer.concat(pieces).toString("utf8"), (text) => line(redacted(text)));
}

function read(text: string, shown: (text: string) => string): ErrorText {
  let json: Json;
  try {
    json = parseJson(text, "the answer");
  } catch {
    // A proxy's page, perhaps; a word or two of plain text are worth telling.
    return { text: text.includes("<") ? "" : shown(text) };
  }
  if (!isObject(json)) return { text: "" };
  const errors = json.get("errors");
  const first = isArray(errors) ? errors.find(isObject) : json;
  const field = (name: string, of: JsonObject | undefined = first): string => {
    const value = of?.get(name);
    return typeof value === "string" ? shown(value) : "";
  };
  const code = field("code");
  const message = [field("message"), field("details"), field("error_description"), field("error"), code].find(
    Boolean,
  );
  const inner = first?.get("detail");
  const detail = isObject(inner) ? field("message", inner) : field("detail");
  const words = [message, detail].filter(Boolean).join(": ");
  return { ...(code !== "" && { code }), text: words.slice(0, MOST_TEXT) };
}

/** Nothing that moves a terminal's cursor. */
function line(text: string): string {
  return text
    .replace(/[^\P{C}\t\n]/gu, "")
    .replace(/\s+/g, " ")
    .trim()
    .slice(0, MOST_TEXT);
}
