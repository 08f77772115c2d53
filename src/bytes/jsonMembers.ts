/**
 * The members of a JSON object as Go passes on what it does not read (`json.RawMessage`): numbers and escapes as they
 * are, no space between them, and in texts an escape for each character that HTML or JavaScript would mistake.
 */

/** A string, or spaces, or anything else up to them. */
const TOKEN = /"(?:[^"\\]|\\.)*"|[ \t\r\n]+|[^" \t\r\n]/gs;
/** U+2028 and U+2029 in UTF-8, each byte a character. */
const ESCAPED = /[<>&]|\xe2\x80[\xa8\xa9]/g;

/**
 * @param text an object, known to be valid
 * @returns the last value of each key
 */
export function compactMembers(text: Uint8Array): Map<string, Buffer> {
  const members = new Map<string, Buffer>();
  let depth = 0;
  let key: string | undefined;
  let value = "";
  // One byte a character, so that bytes that are no UTF-8 stay as they are.
  for (const [token] of Buffer.from(text).toString("latin1").matchAll(TOKEN)) {
    if (/^[ \t\r\n]/.test(token)) continue;
    if (token === "}" || token === "]") depth--;
    const isBetween = depth === 0 || (depth === 1 && (token === "," || (token === ":" && value === "")));
    if (!isBetween) {
      if (depth === 1 && key === undefined)
        key = JSON.parse(Buffer.from(token, "latin1").toString()) as string;
      else value += token.replace(ESCAPED, escaped);
    } else if (key !== undefined && token !== ":") {
      members.set(key, Buffer.from(value, "latin1"));
      key = undefined;
      value = "";
    }
    if (token === "{" || token === "[") depth++;
  }
  return members;
}

function escaped(character: string): string {
  const code = character.length > 1 ? 0x2000 + character.charCodeAt(2) - 0x80 : character.charCodeAt(0);
  return `\\u${code.toString(16).padStart(4, "0")}`;
}
