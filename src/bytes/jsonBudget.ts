/** How much JSON is read: bounds on what foreign documents may cost before they are known to be good. */
import { LaminixError } from "../errors.js";

export interface JsonLimits {
  /** Characters of text. A megabyte of text takes one or two megabytes of memory. */
  readonly text: number;
  /** Values and keys. Even a small one takes a hundred bytes of memory. */
  readonly values: number;
}

/** Room for a file of 50 MB in a spec, and for every image that is known. */
const DEFAULT: JsonLimits = { text: 256 << 20, values: 1_000_000 };
/** Deeper than this is not a document but an attack on the stack. */
export const MAX_JSON_DEPTH = 500;

/** What is left to be read, by one document or by all that share the budget. */
export class JsonBudget {
  readonly #limits: JsonLimits;
  #text: number;
  #values: number;

  constructor(limits: Partial<JsonLimits> = {}) {
    this.#limits = { ...DEFAULT, ...limits };
    this.#text = this.#limits.text;
    this.#values = this.#limits.values;
  }

  /**
   * To be asked for each document, before it is parsed.
   * @throws {LaminixError} ERR_JSON
   */
  takeText(length: number, name: string): void {
    this.#text -= length;
    if (this.#text < 0) throw this.#spent(name, "text", `${mebibytes(this.#limits.text)} of JSON`);
  }

  /**
   * To be asked for each value, and for each key.
   * @throws {LaminixError} ERR_JSON
   */
  takeValue(name: string): void {
    if (--this.#values >= 0) return;
    throw this.#spent(name, "values", `${this.#limits.values.toLocaleString("en")} values in JSON`);
  }

  #spent(name: string, kind: keyof JsonLimits, limit: string): LaminixError {
    return new LaminixError("ERR_JSON", `${name} cannot be read: there are more than ${limit}`, {
      details: { limit: this.#limits[kind], of: kind },
    });
  }
}

function mebibytes(bytes: number): string {
  return `${String(Math.floor(bytes / (1 << 20)))} MiB`;
}

/**
 * What `JSON.parse` makes of a text, if it is within a budget. V8 would take gigabytes for some small texts.
 * @throws {LaminixError} ERR_JSON when it is not
 * @throws {SyntaxError} when it is not JSON
 */
export function parsePlainJson(text: string, name: string, budget = new JsonBudget()): unknown {
  budget.takeText(text.length, name);
  requireWithin(text, name, budget);
  return JSON.parse(text);
}

const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSING_BRACKET = 0x5d;
const BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;

/** Counts values and keys, whether or not they are where JSON has them. */
function requireWithin(text: string, name: string, budget: JsonBudget): void {
  let depth = 0;
  /** Within a number or a word. */
  let inWord = false;
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    const isWord = !isPunctuation(character);
    if (isWord && !inWord) budget.takeValue(name);
    inWord = isWord;
    switch (character) {
      case QUOTE:
        budget.takeValue(name);
        at = endOfString(text, at);
        if (at < 0) return; // `JSON.parse` will say so
        break;
      case BRACE:
      case BRACKET:
        if (++depth > MAX_JSON_DEPTH)
          throw new LaminixError("ERR_JSON", `${name} is nested deeper than ${MAX_JSON_DEPTH} levels`);
        budget.takeValue(name);
        break;
      case CLOSING_BRACE:
      case CLOSING_BRACKET:
        depth--;
        break;
    }
  }
}

function isPunctuation(character: number): boolean {
  return (
    character <= SPACE ||
    character === QUOTE ||
    character === COMMA ||
    character === COLON ||
    character === BRACE ||
    character === CLOSING_BRACE ||
    character === BRACKET ||
    character === CLOSING_BRACKET
  );
}

/**
 * Where a string's closing quote is.
 * @param start of its opening quote
 * @returns -1 when there is none
 */
export function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end >= 0 && isEscaped(text, start, end)) end = text.indexOf('"', end + 1);
  return end;
}

function isEscaped(text: string, start: number, at: number): boolean {
  let first = at;
  while (first - 1 > start && text.charCodeAt(first - 1) === BACKSLASH) first--;
  return (at - first) % 2 === 1;
}
