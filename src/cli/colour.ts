/** Colours, where a person looks: text in parts, so that what is ours and what is quoted can be told apart. */
import { visible } from "./visible.js";

export type Style = "heading" | "number" | "warning" | "error" | "hint" | "done";

/** ECMA-48, Select Graphic Rendition. */
const codes: Readonly<Record<Style, string>> = {
  heading: "1",
  number: "36",
  warning: "1;33",
  error: "1;31",
  hint: "36",
  done: "32",
};

/** A part of a text that is to look like something. */
export interface Span {
  readonly style: Style;
  readonly text: string;
}

/** What is written: plain, or in parts. */
export type ShownText = string | readonly (string | Span)[];

export function styled(style: Style, text: string): Span {
  return { style, text };
}

/**
 * Whether an output has colours. `FORCE_COLOR` (force-color.org; `0` and `false` mean none) comes before `NO_COLOR`
 * (no-color.org), and both before what the output is.
 */
export function hasColours(
  { isTerminal }: { readonly isTerminal: boolean },
  { FORCE_COLOR, NO_COLOR, TERM, CI }: Readonly<Record<string, string | undefined>>,
): boolean {
  if (FORCE_COLOR) return FORCE_COLOR !== "0" && FORCE_COLOR !== "false";
  return isTerminal && !NO_COLOR && !CI && TERM !== "dumb";
}

/** The text with or without its colours. @param shown what each part is shown as */
export function rendered(text: ShownText, colours: boolean, shown: (part: string) => string): string {
  if (typeof text === "string") return shown(text);
  return text
    .map((part) => {
      if (typeof part === "string") return shown(part);
      return colours ? `\x1b[${codes[part.style]}m${visible(part.text)}\x1b[0m` : shown(part.text);
    })
    .join("");
}

/** How much of a line it takes. */
export function lengthOf(text: ShownText): number {
  return plainText(text).length;
}

export function plainText(text: ShownText): string {
  return rendered(text, false, (part) => part);
}

/** The beginning of a text, so that it fits into a line. */
export function cut(text: ShownText, length: number): ShownText {
  if (typeof text === "string") return text.slice(0, length);
  const parts: (string | Span)[] = [];
  let left = length;
  for (const part of text) {
    if (left <= 0) break;
    const own = typeof part === "string" ? part : part.text;
    const piece = own.slice(0, left);
    parts.push(typeof part === "string" ? piece : styled(part.style, piece));
    left -= piece.length;
  }
  return parts;
}

/** Help, or another text of ours, with its headings as such: lines that begin at the margin and end with a colon. */
export function withHeadings(text: string): ShownText {
  return text.split(/^(\S.*:)$/m).map((part, i) => (i % 2 === 1 ? styled("heading", part) : part));
}
