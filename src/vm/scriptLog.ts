/** What a script prints, while it runs: passed on by lines, its end kept for the error, and not more than there is room for. */
import { LaminixError } from "../errors.js";

/** Lines that an error tells. */
const LAST_LINES = 10;
/** Characters of a line that an error tells. */
const MAX_LINE = 500;
/** Characters of all lines together. */
const MAX_OUTPUT = 32 << 20;
/** Characters that a line counts for at the least: passing it on costs as much. */
const LEAST = 64;

/** Begins what the script's shell tells of commands that failed, in base 64. */
export const TOLD = "\u001elaminix\u001e";

export class ScriptLog {
  readonly last: string[] = [];
  /** What the shell told. */
  told = "";
  readonly #onLine: ((line: string) => void) | undefined;
  #length = 0;

  constructor(onLine: ((line: string) => void) | undefined) {
    this.#onLine = onLine;
  }

  /** @throws {LaminixError} ERR_SCRIPT_OUTPUT */
  readonly add = (printed: string): void => {
    const at = printed.indexOf(TOLD);
    if (at >= 0) this.told = Buffer.from(printed.slice(at + TOLD.length), "base64").toString();
    if (at === 0) return;
    const line = at < 0 ? printed : printed.slice(0, at);
    this.#length += Math.max(line.length + 1, LEAST);
    if (this.#length > MAX_OUTPUT) {
      throw new LaminixError(
        "ERR_SCRIPT_OUTPUT",
        `runAsRoot printed more than ${String(MAX_OUTPUT >> 20)} MiB`,
        {
          details: { script: "runAsRoot", output: this.last, maximum: MAX_OUTPUT },
          hint: "send what nobody needs to /dev/null",
        },
      );
    }
    this.last.push(line.slice(0, MAX_LINE));
    if (this.last.length > LAST_LINES) this.last.shift();
    this.#onLine?.(line);
  };
}
