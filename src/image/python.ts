/** Texts as Python prints them, where they are part of an image's bytes. */

/** `repr` of a list of strings. */
export function reprList(items: readonly string[]): string {
  return `[${items.map(repr).join(", ")}]`;
}

/** `repr` of a string: in single quotes unless that needs escapes and double ones do not. */
function repr(text: string): string {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = Array.from(text, (character) => {
    if (character === "\\" || character === mark) return `\\${character}`;
    if (character === "\n") return "\\n";
    if (character === "\r") return "\\r";
    if (character === "\t") return "\\t";
    if (character === " " || !/[\p{C}\p{Z}]/u.test(character)) return character;
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
    if (code < 0x10000) return `\\u${code.toString(16).padStart(4, "0")}`;
    return `\\U${code.toString(16).padStart(8, "0")}`;
  });
  return `${mark}${escaped.join("")}${mark}`;
}
