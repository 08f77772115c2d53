/** Errors of Nix, and how they are read from what it prints for people, where it says nothing else. */

/** A place in a Nix file; lines and columns count from 1. */
export interface Position {
  /** A path, `«stdin»` in what was given as text. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface TraceItem {
  readonly message: string;
  readonly position?: Position;
}

/** An error as Nix describes it. */
export interface NixError {
  readonly message: string;
  readonly position?: Position;
  /** What was being evaluated, innermost first. */
  readonly trace: readonly TraceItem[];
  /** The same as Nix prints it for people. */
  readonly text: string;
}

/** What an error is made of: the error itself and what was being done, each with its place. */
interface Part {
  readonly kind: "error" | "trace";
  readonly lines: string[];
  position?: Position;
}

/**
 * Reads the text of an error. Nix 2.8 prints the error, then what was being done, innermost first; a newer one (since
 * 2.16 or so) prints what was being done, outermost first, and the error at the end, indented.
 * @param text without colours
 */
export function parseErrorText(text: string): NixError {
  const parts: Part[] = [];
  let isExcerpt = false;
  for (const line of text.split("\n")) {
    const [, error] = /^(?: {7})?error:(?: (.*))?$/.exec(line) ?? (parts.length === 0 ? ["", line] : []);
    const [, doing] = /^ {7}… (.*)$/.exec(line) ?? [];
    const at = /^ +at (\S.*?):(\d+):(\d+):?(?:Did you mean.*)?$/.exec(line);
    const current = parts.at(-1);
    if (doing !== undefined || error !== undefined || /^(?: {7})?error:$/.test(line)) {
      isExcerpt = false;
      parts.push({ kind: doing === undefined ? "error" : "trace", lines: [doing ?? error ?? ""] });
    } else if (at && current && !current.position) {
      current.position = { file: at[1] ?? "", line: Number(at[2]), column: Number(at[3]) };
      isExcerpt = true;
    } else if (!isExcerpt) {
      current?.lines.push(line);
    }
  }
  const errors = parts.filter(({ kind }) => kind === "error");
  const [first] = parts;
  // The first may be no more than the heading.
  const isOutermostFirst = errors.length > 1 && first?.lines.join("").trim() === "";
  const last = errors.at(isOutermostFirst ? -1 : 0);
  const trace = parts
    .filter(({ kind }) => kind === "trace")
    .map((part) => ({ message: messageOf(part, 0), ...(part.position && { position: part.position }) }));
  return {
    message: last ? messageOf(last, isOutermostFirst ? 7 : 0) : text,
    ...(last?.position && { position: last.position }),
    trace: isOutermostFirst ? trace.reverse() : trace,
    text,
  };
}

/** @param indent spaces before all lines but the first */
function messageOf({ lines: [first = "", ...rest] }: Part, indent: number): string {
  return [first, ...rest.map((line) => line.replace(new RegExp(`^ {0,${String(indent)}}`), ""))]
    .join("\n")
    .trim();
}

/** An error for people, in the order of an older Nix: innermost first. */
export function formatNixError(
  message: string,
  { position }: { readonly position?: Position },
  trace: readonly TraceItem[],
): string {
  const at = (place: Position | undefined): string =>
    place ? `\n       at ${place.file}:${String(place.line)}:${String(place.column)}` : "";
  const items = trace.map((item) => `\n\n       … ${item.message}${at(item.position)}`);
  return `error: ${message}${at(position)}${items.join("")}`;
}
