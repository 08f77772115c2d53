/** A text that is open in the editor. Its lines are found as far as somebody asks for them: a log may have megabytes. */
import type { Position, Range, TextDocumentContentChangeEvent } from "vscode-languageserver-protocol";
import { columnAt, indexOfColumn, type PositionEncoding } from "./positions.js";

export interface OpenedText {
  readonly uri: string;
  readonly languageId: string;
  readonly version: number;
  readonly text: string;
}

export class OpenText {
  readonly uri: string;
  readonly languageId: string;
  readonly #encoding: PositionEncoding;
  #version: number;
  #text: string;
  /** Where lines begin, as far as they are known. */
  #starts = [0];
  #allFound = false;
  #outdated = new AbortController();

  constructor({ uri, languageId, version, text }: OpenedText, encoding: PositionEncoding) {
    this.uri = uri;
    this.languageId = languageId;
    this.#encoding = encoding;
    this.#version = version;
    this.#text = text;
  }

  get version(): number {
    return this.#version;
  }

  get text(): string {
    return this.#text;
  }

  /** Aborts when this version of the text is no longer the one that is shown. */
  get outdated(): AbortSignal {
    return this.#outdated.signal;
  }

  /** Of a position behind the end of its line, that end; behind the last line, the text's. */
  offsetAt({ line, character }: Position): number {
    const start = this.lineStart(line);
    if (start === undefined) return this.#text.length;
    const end = this.lineEnd(line);
    // A column is one unit or more: what is behind as many as there are columns is not looked at.
    const rest = this.#text.slice(start, Math.min(end, start + Math.max(0, character)));
    return start + indexOfColumn(rest, character, this.#encoding);
  }

  positionAt(offset: number): Position {
    const line = this.lineAt(offset);
    const start = this.lineStart(line) ?? 0;
    return { line, character: columnAt(this.#text.slice(start, offset), this.#encoding) };
  }

  rangeOf(start: number, end: number): Range {
    return { start: this.positionAt(start), end: this.positionAt(end) };
  }

  /** The line, from 0, that an offset is in. */
  lineAt(offset: number): number {
    while (!this.#allFound && (this.#starts.at(-1) ?? 0) <= offset) this.#findNext();
    let [low, high] = [0, this.#starts.length];
    while (low < high - 1) {
      const middle = (low + high) >> 1;
      if ((this.#starts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return low;
  }

  /** `undefined` behind the last line. */
  lineStart(line: number): number | undefined {
    while (!this.#allFound && this.#starts.length <= line) this.#findNext();
    return this.#starts[Math.max(0, line)];
  }

  /** Before the line's break. */
  lineEnd(line: number): number {
    const next = this.lineStart(line + 1);
    if (next === undefined) return this.#text.length;
    return this.#text.startsWith("\r\n", next - 2) ? next - 2 : next - 1;
  }

  /** Takes over changes, each of which is to the text that those before it have made. */
  change(changes: readonly TextDocumentContentChangeEvent[], version: number): void {
    for (const change of changes) {
      if ("range" in change) this.#replace(change.range, change.text);
      else {
        this.#text = change.text;
        this.#starts = [0];
        this.#allFound = false;
      }
    }
    this.#version = version;
    this.outdate();
    this.#outdated = new AbortController();
  }

  /** What is being answered about it is of no use any more. */
  outdate(): void {
    this.#outdated.abort(new DOMException("the text has changed", "AbortError"));
  }

  #replace(range: Range, text: string): void {
    const [start, end] = [this.offsetAt(range.start), this.offsetAt(range.end)];
    const [from, to] = start <= end ? [start, end] : [end, start];
    this.#text = this.#text.slice(0, from) + text + this.#text.slice(to);
    // A break that ends where the change begins may become another one: `\r` before `\n`.
    const kept = this.#starts.findIndex((each) => each >= from);
    if (kept >= 0) this.#starts.length = Math.max(1, kept);
    this.#allFound = false;
  }

  #findNext(): void {
    BREAK.lastIndex = this.#starts.at(-1) ?? 0;
    if (BREAK.test(this.#text)) this.#starts.push(BREAK.lastIndex);
    else this.#allFound = true;
  }
}

/** LSP 3.18, "Text Documents": these three, and no others, end a line. */
const BREAK = /\r\n?|\n/g;
