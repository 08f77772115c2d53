/** What a spec has as JSON, or in a file of JSON that it names. */
import { parseJson, toJs } from "../bytes/json.js";
import { parsePlainJson } from "../bytes/jsonBudget.js";
import { LaminixError, named } from "../errors.js";
import { readTextSoon } from "../files/readText.js";

export interface JsonOrFileOptions {
  readonly signal?: AbortSignal | undefined;
  /** What the file may be beside JSON, for messages. */
  readonly otherwise?: string | undefined;
  readonly hint?: string | undefined;
}

/**
 * @param given the JSON, or the file's name
 * @param key of the spec, for messages
 * @throws {LaminixError} ERR_FILE_READ, ERR_JSON
 */
export async function jsonOrFile(
  given: unknown,
  key: string,
  { signal, otherwise, hint }: JsonOrFileOptions,
): Promise<unknown> {
  if (typeof given !== "string") return given;
  const file = `${named(given)}, named by ${key},`;
  const about = { details: { path: given }, ...(hint !== undefined && { hint }) };
  let text: string;
  try {
    text = await readTextSoon(given, { signal });
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof LaminixError) throw cause;
    throw new LaminixError("ERR_FILE_READ", `${file} cannot be read`, { cause, ...about });
  }
  if (otherwise === undefined) return toJs(parseJson(text, file));
  try {
    return parsePlainJson(text, given);
  } catch (cause) {
    if (cause instanceof LaminixError) throw cause;
    throw new LaminixError("ERR_JSON", `${file} is not JSON${otherwise}`, { cause, ...about });
  }
}
