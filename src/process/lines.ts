/** Lines out of pieces of a byte stream. */
import { StringDecoder } from "node:string_decoder";

/** Characters after which a line is given away unfinished: a program that never ends a line must not fill the memory. */
const MAX_LINE = 1 << 24;

export class LineSplitter {
  readonly #decoder = new StringDecoder("utf8");
  readonly #onLine: (line: string) => void;
  #rest = "";

  /** @param onLine called with each line, without its line feed */
  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(piece: Uint8Array): void {
    // Only the new piece is searched, so that a long line costs no more than a short one.
    const lines = this.#decoder.write(Buffer.from(piece)).split("\n");
    lines[0] = this.#rest + (lines[0] ?? "");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#onLine(line);
    if (this.#rest.length > MAX_LINE) this.#flush();
  }

  /** Gives away what came after the last line feed. */
  end(): void {
    this.#rest += this.#decoder.end();
    this.#flush();
  }

  #flush(): void {
    const line = this.#rest;
    this.#rest = "";
    if (line !== "") this.#onLine(line);
  }
}
