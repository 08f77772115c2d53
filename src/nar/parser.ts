/** A NAR, taken apart as it comes in, whatever the pieces it comes in. */
import { LaminixError } from "../errors.js";
import { decode } from "../bytes/byteString.js";
import {
  CLOSE,
  ENTRY,
  EXECUTABLE,
  FILE,
  FOLDER,
  LINK,
  type Literal,
  MAX_PATH,
  NODE,
  OPEN,
  paddingOf,
  WORD,
} from "./grammar.js";

/**
 * What is in a NAR, in its order: a folder before what it holds, names in the order of their bytes. Paths begin below
 * the top, which itself is `""`, and have no slash at either end. Paths and targets are byte strings: one character a
 * byte (`Buffer.from(path, "latin1")`), for names need not be UTF-8.
 */
export type NarEvent =
  | { readonly type: "directory"; readonly path: string }
  | {
      readonly type: "regular";
      readonly path: string;
      readonly executable: boolean;
      /** Bytes of its contents, which follow. */
      readonly size: number;
    }
  /** A part of the contents of the file before it; good until the next event is asked for. */
  | { readonly type: "contents"; readonly bytes: Uint8Array }
  | { readonly type: "symlink"; readonly path: string; readonly target: string };

export interface NarFormatOptions {
  /** What the NAR is called in errors, such as its store path. */
  readonly name?: string | undefined;
  /** What to do with bytes after the NAR; default: refuse them. */
  readonly trailing?: "refuse" | "ignore" | undefined;
}

/** A folder whose children are being read. */
interface OpenFolder {
  readonly path: string;
  last: string;
}

const TYPES = [FILE, FOLDER, LINK, EXECUTABLE];
const CHILD_OR_CLOSE = [ENTRY, CLOSE];

/** What comes next: one of some literals, the length of a string, or a part of the string. */
type Step = "literal" | "length" | "text" | "contents" | "padding" | "end";

export class NarParser {
  readonly #options: NarFormatOptions;
  /** Bytes of the NAR before the chunk that is being read. */
  #before = 0;
  #step: Step = "literal";
  /** The literals that may still come, and how many of their words have. */
  #wanted: readonly Literal[] = [OPEN];
  #matched = 0;
  /** The literal before the string that is being read: tells what the string is. */
  #context: Literal = OPEN;
  /** Bytes of the string, or of its padding, that are still to come. */
  #left = 0;
  #padding = 0;
  #text = "";
  /** The path of the node that is being read. */
  #path = "";
  /** The node of a folder's child has been closed, but not yet the child. */
  #closingChild = false;
  readonly #folders: OpenFolder[] = [];
  /** A word of which the chunk before had the first bytes only. */
  readonly #word = Buffer.alloc(WORD);
  #held = 0;

  constructor(options: NarFormatOptions = {}) {
    this.#options = options;
  }

  get isAtEnd(): boolean {
    return this.#step === "end";
  }

  /**
   * What a chunk brings. Contents are passed on as views of it.
   * @throws {LaminixError} ERR_NAR
   */
  *push(chunk: Uint8Array): Generator<NarEvent, void, void> {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (let at = 0; at < bytes.length;) {
      switch (this.#step) {
        case "literal":
        case "length": {
          let word = bytes;
          let start = at;
          if (this.#held > 0 || bytes.length - at < WORD) {
            const copied = bytes.copy(this.#word, this.#held, at, at + WORD - this.#held);
            this.#held += copied;
            at += copied;
            if (this.#held < WORD) break;
            this.#held = 0;
            word = this.#word;
            start = 0;
          } else {
            at += WORD;
          }
          const low = word.readUInt32LE(start);
          const high = word.readUInt32LE(start + 4);
          const offset = this.#before + at - WORD;
          const event =
            this.#step === "literal" ? this.#match(low, high, offset) : this.#begin(low, high, offset);
          if (event) yield event;
          break;
        }
        case "text": {
          const part = bytes.toString("latin1", at, at + this.#left);
          at += part.length;
          this.#left -= part.length;
          this.#text += part;
          if (this.#left > 0) break;
          const event = this.#endOfText(this.#before + at);
          if (event) yield event;
          break;
        }
        case "contents": {
          const part = bytes.subarray(at, at + this.#left);
          at += part.length;
          this.#left -= part.length;
          if (this.#left === 0) this.#endOfString();
          yield { type: "contents", bytes: part };
          break;
        }
        case "padding":
          if (bytes[at] !== 0) throw this.#unexpected(this.#before + at, "a zero");
          at++;
          if (--this.#left === 0) this.#endOfPadding();
          break;
        case "end":
          if (this.#options.trailing === "ignore") return;
          throw this.#unexpected(this.#before + at, "the end of the NAR");
      }
    }
    this.#before += bytes.length;
  }

  /**
   * There is no more.
   * @throws {LaminixError} ERR_NAR unless the NAR has come to its end
   */
  end(): void {
    if (this.#step === "end") return;
    const offset = this.#before;
    const expected = this.#step === "literal" ? listed(this.#wanted) : "more bytes";
    throw new LaminixError(
      "ERR_NAR",
      `${this.#name} ends at byte ${String(offset)}, where ${expected} was expected`,
      {
        details: { path: this.#options.name, offset, expected },
      },
    );
  }

  /** A word of what is fixed. */
  #match(low: number, high: number, offset: number): NarEvent | undefined {
    const at = this.#matched * 2;
    const fits = (literal: Literal): boolean => literal.halves[at] === low && literal.halves[at + 1] === high;
    if (this.#wanted.length > 1) {
      const fitting = this.#wanted.filter(fits);
      if (fitting.length === 0) throw this.#unexpected(offset, listed(this.#wanted));
      this.#wanted = fitting;
    }
    const literal = this.#wanted[0] as Literal;
    if (!fits(literal)) throw this.#unexpected(offset, literal.text);
    this.#matched++;
    // No literal is the beginning of another that is wanted at the same time.
    return this.#matched === literal.words ? this.#accept(literal) : undefined;
  }

  #accept(literal: Literal): NarEvent | undefined {
    switch (literal) {
      case OPEN:
      case NODE:
        this.#want(TYPES);
        return undefined;
      case FOLDER: {
        const path = this.#path;
        this.#folders.push({ path, last: "" });
        this.#want(CHILD_OR_CLOSE);
        return { type: "directory", path };
      }
      case CLOSE:
        this.#close();
        return undefined;
      default:
        this.#context = literal;
        this.#step = "length";
        return undefined;
    }
  }

  #want(literals: readonly Literal[]): void {
    this.#step = "literal";
    this.#wanted = literals;
    this.#matched = 0;
  }

  /** A node ends, or the child that it was. */
  #close(): void {
    if (this.#closingChild) {
      this.#closingChild = false;
      this.#want(CHILD_OR_CLOSE);
      return;
    }
    const folder = this.#folders.at(-1);
    if (folder?.path === this.#path) this.#folders.pop();
    const parent = this.#folders.at(-1);
    if (!parent) {
      this.#step = "end";
      return;
    }
    this.#path = parent.path;
    this.#closingChild = true;
    this.#want([CLOSE]);
  }

  /** A string begins. */
  #begin(low: number, high: number, offset: number): NarEvent | undefined {
    const size = high * 2 ** 32 + low;
    const isText = this.#context === ENTRY || this.#context === LINK;
    if (isText && (size === 0 || size > MAX_PATH)) {
      throw this.#unexpected(offset, `a length from 1 to ${String(MAX_PATH)}`);
    }
    if (!Number.isSafeInteger(size)) throw this.#unexpected(offset, "a length below 2^53");
    this.#left = size;
    this.#padding = paddingOf(size);
    this.#text = "";
    if (isText) {
      this.#step = "text";
      return undefined;
    }
    this.#step = "contents";
    if (size === 0) this.#endOfString();
    return { type: "regular", path: this.#path, executable: this.#context === EXECUTABLE, size };
  }

  /** @param end offset of the byte after it */
  #endOfText(end: number): NarEvent | undefined {
    const text = this.#text;
    const offset = end - text.length;
    this.#endOfString();
    if (this.#context === LINK) {
      if (text.includes("\0")) throw this.#unexpected(offset, "a target without a NUL");
      return { type: "symlink", path: this.#path, target: text };
    }
    if (text === "." || text === ".." || /[/\0]/.test(text)) {
      throw this.#unexpected(offset, "a file's name");
    }
    const folder = this.#folders.at(-1) as OpenFolder;
    if (text <= folder.last) throw this.#unexpected(offset, `a name after ${quoted(folder.last)}`);
    folder.last = text;
    this.#path = folder.path === "" ? text : `${folder.path}/${text}`;
    if (this.#path.length > MAX_PATH) {
      throw this.#unexpected(offset, `a path of at most ${String(MAX_PATH)} bytes`);
    }
    return undefined;
  }

  #endOfString(): void {
    this.#left = this.#padding;
    this.#step = "padding";
    if (this.#left === 0) this.#endOfPadding();
  }

  #endOfPadding(): void {
    this.#want(this.#context === ENTRY ? [NODE] : [CLOSE]);
  }

  get #name(): string {
    return this.#options.name === undefined ? "the NAR" : `the NAR of ${this.#options.name}`;
  }

  #unexpected(offset: number, expected: string): LaminixError {
    return new LaminixError(
      "ERR_NAR",
      `${this.#name} is damaged, or is none: ${expected} was expected at byte ${String(offset)}`,
      { details: { path: this.#options.name, offset, expected } },
    );
  }
}

function listed(literals: readonly Literal[]): string {
  return literals.map(({ text }) => text).join(" or ");
}

function quoted(bytes: string): string {
  return JSON.stringify(decode(bytes));
}
