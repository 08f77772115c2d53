/**
 * JSON that goes through unharmed: the order of keys, `__proto__`, integers beyond 2^53 and the difference between
 * 1 and 1.0 all survive, none of which does in `JSON.parse`. Text is written as Python's `json.dumps` writes it, for
 * that is what the configurations of Nix's images are written with.
 */
import { LaminixError } from "../errors.js";
import { endOfString, JsonBudget, MAX_JSON_DEPTH } from "./jsonBudget.js";

export type Json = null | boolean | string | JsonNumber | readonly Json[] | JsonObject;
export type JsonObject = ReadonlyMap<string, Json>;

/** A number as it was written. */
export class JsonNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  get value(): number {
    return Number(this.text);
  }

  get isInteger(): boolean {
    return /^-?\d+$/.test(this.text);
  }
}

/** Characters of a number; Python reads no longer ones either (`sys.set_int_max_str_digits`). */
const MAX_NUMBER = 4300;

/**
 * @param name what the text is, for the error
 * @param budget shared by documents that belong together; the document's own unless given
 * @throws {LaminixError} ERR_JSON, also for more than the budget allows
 */
export function parseJson(text: string, name: string, budget = new JsonBudget()): Json {
  budget.takeText(text.length, name);
  return new Parser(text, name, budget).document();
}

/** What all empty objects and lists are: they cost nothing then. */
const EMPTY_OBJECT: JsonObject = new Map();
const EMPTY_ARRAY: readonly Json[] = Object.freeze([]);

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORDS = [
  ["true", true],
  ["false", false],
  ["null", null],
] as const;

class Parser {
  readonly #text: string;
  readonly #name: string;
  readonly #budget: JsonBudget;
  #at = 0;
  #depth = 0;

  constructor(text: string, name: string, budget: JsonBudget) {
    this.#text = text;
    this.#name = name;
    this.#budget = budget;
  }

  document(): Json {
    const value = this.#value();
    this.#space();
    if (this.#at < this.#text.length) throw this.#error("more text after the end of the document");
    return value;
  }

  #value(): Json {
    this.#budget.takeValue(this.#name);
    this.#space();
    const first = this.#text[this.#at];
    if (first === "{") return this.#nested(() => this.#object());
    if (first === "[") return this.#nested(() => this.#array());
    if (first === '"') return this.#string();
    for (const [word, value] of WORDS) {
      if (this.#text.startsWith(word, this.#at)) {
        this.#at += word.length;
        return value;
      }
    }
    return this.#number();
  }

  #nested<T>(parse: () => T): T {
    if (++this.#depth > MAX_JSON_DEPTH)
      throw this.#error(`nested deeper than ${String(MAX_JSON_DEPTH)} levels`);
    const value = parse();
    this.#depth--;
    return value;
  }

  #object(): JsonObject {
    this.#at++;
    this.#space();
    if (this.#take("}")) return EMPTY_OBJECT;
    const object = new Map<string, Json>();
    do {
      this.#space();
      if (this.#text[this.#at] !== '"') throw this.#error("a key in quotes is missing");
      this.#budget.takeValue(this.#name);
      const key = this.#string();
      this.#space();
      if (!this.#take(":")) throw this.#error("a colon is missing after a key");
      object.set(key, this.#value());
      this.#space();
    } while (this.#take(","));
    if (!this.#take("}")) throw this.#error("a comma or closing brace is missing");
    return object;
  }

  #array(): readonly Json[] {
    this.#at++;
    this.#space();
    if (this.#take("]")) return EMPTY_ARRAY;
    // Pushing onto an empty list would make room for many.
    const array = [this.#value()];
    this.#space();
    while (this.#take(",")) {
      array.push(this.#value());
      this.#space();
    }
    if (!this.#take("]")) throw this.#error("a comma or closing bracket is missing");
    return array;
  }

  /** V8 reads the string itself. A regular expression would not do: long ones overflow its stack. */
  #string(): string {
    const end = endOfString(this.#text, this.#at);
    if (end < 0) throw this.#error("a string is malformed");
    try {
      const string = JSON.parse(this.#text.slice(this.#at, end + 1)) as string;
      this.#at = end + 1;
      return string;
    } catch {
      throw this.#error("a string is malformed");
    }
  }

  #number(): JsonNumber {
    const text = this.#text.slice(this.#at, this.#at + MAX_NUMBER + 1);
    NUMBER.lastIndex = 0;
    const match = NUMBER.exec(text)?.[0];
    if (match === undefined) throw this.#error("a value is missing or malformed");
    if (match.length > MAX_NUMBER) throw this.#error(`a number has more than ${String(MAX_NUMBER)} digits`);
    this.#at += match.length;
    return new JsonNumber(match);
  }

  #space(): void {
    for (;;) {
      const character = this.#text.charCodeAt(this.#at);
      if (character !== 0x20 && character !== 0x0a && character !== 0x0d && character !== 0x09) return;
      this.#at++;
    }
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #error(what: string): LaminixError {
    let line = 1;
    let start = 0;
    for (
      let end = this.#text.indexOf("\n");
      end >= 0 && end < this.#at;
      end = this.#text.indexOf("\n", start)
    ) {
      line++;
      start = end + 1;
    }
    const position = `line ${String(line)}, column ${String(this.#at - start + 1)}`;
    return new LaminixError("ERR_JSON", `${this.#name} is not JSON: ${what} at ${position}`);
  }
}

/**
 * The text that Python's `json.dumps` makes: ASCII only, numbers as Python prints them.
 * @param indent spaces a level; everything on one line unless given
 */
export function formatJson(value: Json, indent?: number): string {
  const write = (node: Json, depth: number): string => {
    if (node === null || typeof node === "boolean") return String(node);
    if (typeof node === "string") return quote(node);
    if (node instanceof JsonNumber) return pythonNumber(node);
    const isObject = node instanceof Map;
    const items = isObject
      ? Array.from(node as JsonObject, ([key, item]) => `${quote(key)}: ${write(item, depth + 1)}`)
      : (node as readonly Json[]).map((item) => write(item, depth + 1));
    const [open, close] = isObject ? "{}" : "[]";
    if (items.length === 0) return `${String(open)}${String(close)}`;
    if (indent === undefined) return `${String(open)}${items.join(", ")}${String(close)}`;
    const line = `\n${" ".repeat(indent * depth)}`;
    const inner = `\n${" ".repeat(indent * (depth + 1))}`;
    return `${String(open)}${inner}${items.join(`,${inner}`)}${line}${String(close)}`;
  };
  return write(value, 0);
}

function quote(text: string): string {
  return JSON.stringify(text).replace(
    /[^ -~]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Python keeps integers whole, and prints a float shortest, with an exponent below 1e-4 and from 1e16 on. */
function pythonNumber(number: JsonNumber): string {
  if (number.isInteger) return number.text === "-0" ? "0" : number.text;
  const { value } = number;
  if (!Number.isFinite(value)) return value > 0 ? "Infinity" : "-Infinity";
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const [digits = "", power = "0"] = value.toExponential().split("e");
  const exponent = Number(power);
  if (exponent < -4 || exponent >= 16) {
    const sign = exponent < 0 ? "-" : "+";
    return `${digits}e${sign}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  if (exponent < 0) {
    const [sign, bare] = digits.startsWith("-") ? ["-", digits.slice(1)] : ["", digits];
    return `${sign}0.${"0".repeat(-exponent - 1)}${bare.replace(".", "")}`;
  }
  const plain = BigInt(Math.trunc(value)).toString();
  return Number.isInteger(value) ? `${plain}.0` : String(value);
}

/**
 * A JavaScript value as JSON. `Map`s give objects whose keys keep their order whatever they look like; `bigint`s
 * give integers.
 * @throws {LaminixError} ERR_JSON for what JSON cannot hold
 */
export function fromJs(value: unknown, name: string): Json {
  try {
    return jsonOf(value, name, 0);
  } catch (cause) {
    if (cause instanceof LaminixError) throw cause;
    // A getter or a proxy may throw anything.
    throw new LaminixError("ERR_JSON", `${name} cannot be read`, { cause });
  }
}

function jsonOf(value: unknown, name: string, depth: number): Json {
  const cannot = (what: string): LaminixError =>
    new LaminixError("ERR_JSON", `${name} is ${what}, which JSON cannot hold`);
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (value instanceof JsonNumber) return value;
  if (typeof value === "bigint" || (typeof value === "number" && Number.isFinite(value))) {
    return new JsonNumber(String(value));
  }
  if (typeof value === "number") throw cannot(String(value));
  if (typeof value !== "object") throw cannot(value === undefined ? "undefined" : `a ${typeof value}`);
  if (depth === MAX_JSON_DEPTH)
    throw new LaminixError("ERR_JSON", `${name} is nested too deep, or in a circle`);
  // Not `map`, which passes over holes.
  if (Array.isArray(value))
    return Array.from(value, (item, i) => jsonOf(item, `${name}[${String(i)}]`, depth + 1));
  if (!(value instanceof Map) && !isPlain(value)) throw cannot("an instance of a class");
  const entries: [unknown, unknown][] = value instanceof Map ? [...value] : Object.entries(value);
  return new Map(
    entries
      .filter(([, item]) => item !== undefined)
      .map(([key, item]) => {
        if (typeof key !== "string") throw cannot("a Map whose keys are no strings");
        return [key, jsonOf(item, `${name}.${key}`, depth + 1)];
      }),
  );
}

/** A plain object of another realm has another `Object.prototype`, which has no prototype itself. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

export function jsonObject(entries: Readonly<Record<string, Json>>): JsonObject {
  return new Map(Object.entries(entries));
}

/** The plain JavaScript value, for what is only looked at: big integers lose digits here. */
export function toJs(value: Json): unknown {
  if (value instanceof JsonNumber) return value.value;
  if (value instanceof Map) {
    const entries = Array.from(value as JsonObject, ([key, item]) => [key, toJs(item)] as const);
    return Object.fromEntries(entries);
  }
  if (Array.isArray(value)) return (value as readonly Json[]).map(toJs);
  return value;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return value instanceof Map;
}

export function isArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}
