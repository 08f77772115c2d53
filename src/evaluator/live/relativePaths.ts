/** Relative paths in Nix source, which start from the folder of the file that it is in. */
import { scan } from "../scan.js";

/** Text that was put into a line. */
export interface Insertion {
  readonly line: number;
  /** Of the new text, counted from 1: where what was inserted begins. */
  readonly column: number;
  readonly length: number;
}

/**
 * Makes the paths of a text start from a folder, wherever the text itself will stand.
 * @param folder an absolute path, of letters that a Nix path can be written with
 */
export function withAbsolutePaths(
  text: string,
  folder: string,
): { readonly text: string; readonly insertions: readonly Insertion[] } {
  const starts: number[] = [];
  scan(text, [], (path, at) => {
    const before = text[at - 1];
    const isUri = /^[a-zA-Z][a-zA-Z0-9+.-]*:/.test(path);
    const isLookedUp = before === "<" && text[at + path.length] === ">";
    if (!path.startsWith("/") && before !== "~" && !isUri && !isLookedUp) starts.push(at);
  });
  const prefix = folder === "/" ? "/" : `${folder}/`;
  const insertions: Insertion[] = [];
  let result = "";
  let from = 0;
  for (const at of starts) {
    result += text.slice(from, at);
    const line = result.split("\n").length;
    const column = result.length - result.lastIndexOf("\n");
    insertions.push({ line, column, length: prefix.length });
    result += prefix;
    from = at;
  }
  return { text: result + text.slice(from), insertions };
}

/** Whether a folder can be written as a path in Nix source. */
export function isPlainPath(folder: string): boolean {
  return /^\/[a-zA-Z0-9._+/-]*$/.test(folder);
}

/** The column that a place in the new text had in the old one. */
export function originalColumn(insertions: readonly Insertion[], line: number, column: number): number {
  const shift = insertions
    .filter((each) => each.line === line && each.column < column)
    .reduce((sum, { length }) => sum + length, 0);
  return Math.max(1, column - shift);
}
