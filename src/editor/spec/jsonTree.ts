/**
 * JSON with the places of its values, read as far as it makes sense: a text that somebody is writing is seldom whole.
 */
import { MAX_JSON_DEPTH } from "../../bytes/jsonBudget.js";

export type JsonNode = {
  /** Offsets in the text. */
  readonly start: number;
  readonly end: number;
} & (
  | { readonly kind: "object"; readonly properties: readonly JsonProperty[] }
  | { readonly kind: "array"; readonly items: readonly JsonNode[] }
  | { readonly kind: "value"; readonly value: string | number | boolean | null }
  /** Nothing is there, or what is no JSON. */
  | { readonly kind: "missing" }
);

export interface JsonProperty {
  readonly key: JsonNode & { readonly kind: "value" };
  readonly name: string;
  readonly value: JsonNode;
}

export interface JsonFault {
  readonly start: number;
  readonly end: number;
  readonly message: string;
}

export interface JsonTree {
  readonly root: JsonNode;
  /** The first is told to users; those that follow often come of it. */
  readonly faults: readonly JsonFault[];
}

/** Values of one text that are read. */
const MOST_VALUES = 50_000;

export function readJsonTree(text: string): JsonTree {
  const reader = new Reader(text);
  const root = reader.value(0);
  reader.end();
  return { root, faults: reader.faults };
}

/** The value that a node stands for; what is missing is `undefined`. */
export function valueOf(node: JsonNode): unknown {
  switch (node.kind) {
    case "object": {
      const entries = node.properties.map(({ name, value }) => [name, valueOf(value)] as const);
      return Object.fromEntries(entries);
    }
    case "array":
      return node.items.map(valueOf);
    case "value":
      return node.value;
    case "missing":
      return undefined;
  }
}

/** A key or the number of an item, from the root inwards. */
export type JsonPath = readonly (string | number)[];

/** The node at a path, or the last one on the way to it that there is. */
export function nodeAt(root: JsonNode, path: JsonPath): JsonNode {
  let node = root;
  for (const step of path) {
    const next: JsonNode | undefined =
      node.kind === "object"
        ? node.properties.find(({ name }) => name === String(step))?.value
        : node.kind === "array"
          ? node.items[Number(step)]
          : undefined;
    if (!next || next.kind === "missing") return node;
    node = next;
  }
  return node;
}

/** What an offset is in. */
export interface JsonPlace {
  /** Of the innermost object or array, or of the value. */
  readonly path: JsonPath;
  readonly node: JsonNode;
  /** Where it is in a key, or where one could be written. */
  readonly key: { readonly start: number; readonly end: number } | undefined;
}

export function placeOf(root: JsonNode, offset: number): JsonPlace {
  let node = root;
  const path: (string | number)[] = [];
  for (;;) {
    if (node.kind === "object") {
      const key = node.properties.find((each) => each.key.start <= offset && offset <= each.key.end)?.key;
      if (key) return { path, node, key };
      const inside = node.properties.find(({ value }) => isWithin(value, offset));
      if (!inside) {
        const isInside = node.start < offset && offset <= node.end;
        return { path, node, key: isInside ? { start: offset, end: offset } : undefined };
      }
      path.push(inside.name);
      node = inside.value;
    } else if (node.kind === "array") {
      const at = node.items.findIndex((item) => isWithin(item, offset));
      const item = node.items[at];
      if (!item) return { path, node, key: undefined };
      path.push(at);
      node = item;
    } else {
      return { path, node, key: undefined };
    }
  }
}

function isWithin(node: JsonNode, offset: number): boolean {
  return (
    node.start <= offset &&
    offset <= node.end &&
    (node.kind === "value" || node.start < offset || node.kind === "missing")
  );
}

class Reader {
  readonly #text: string;
  #at = 0;
  #values = 0;
  readonly faults: JsonFault[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): JsonNode {
    const from = this.#at;
    this.#space();
    const start = this.#at;
    if (++this.#values > MOST_VALUES || depth > MAX_JSON_DEPTH) {
      this.#fault(start, this.#text.length, "what follows is too large to be checked here");
      this.#at = this.#text.length;
      return { kind: "missing", start: from, end: start };
    }
    const first = this.#text[start];
    if (first === "{") return this.#object(depth);
    if (first === "[") return this.#array(depth);
    if (first === '"') return this.#string();
    WORD.lastIndex = start;
    const [word] = WORD.exec(this.#text) ?? [];
    if (word === undefined) {
      this.#fault(start, Math.min(start + 1, this.#text.length), "a value is missing");
      return { kind: "missing", start: from, end: start };
    }
    this.#at += word.length;
    try {
      return { kind: "value", start, end: this.#at, value: JSON.parse(word) as number | boolean | null };
    } catch {
      this.#fault(start, this.#at, `${word} is not JSON`);
      return { kind: "missing", start, end: this.#at };
    }
  }

  end(): void {
    this.#space();
    if (this.#at < this.#text.length)
      this.#fault(this.#at, this.#text.length, "the value has ended before this");
  }

  #object(depth: number): JsonNode {
    const start = this.#at++;
    const properties: JsonProperty[] = [];
    for (;;) {
      this.#space();
      if (this.#text[this.#at] !== '"') break;
      const key = this.#string();
      this.#space();
      const name = String(key.value);
      if (this.#text[this.#at] !== ":") {
        this.#fault(key.start, key.end, "a colon and a value are missing behind this key");
        properties.push({ key, name, value: { kind: "missing", start: key.end, end: key.end } });
      } else {
        this.#at++;
        properties.push({ key, name, value: this.value(depth + 1) });
      }
      if (!this.#comma('"')) break;
    }
    this.#close("}", start);
    return { kind: "object", start, end: this.#at, properties };
  }

  #array(depth: number): JsonNode {
    const start = this.#at++;
    const items: JsonNode[] = [];
    this.#space();
    while (this.#at < this.#text.length && !CLOSING.test(this.#text[this.#at] ?? "")) {
      const before = this.#at;
      items.push(this.value(depth + 1));
      if (this.#at === before || !this.#comma("")) break;
    }
    this.#close("]", start);
    return { kind: "array", start, end: this.#at, items };
  }

  /** A string ends with its line where its end is missing. */
  #string(): JsonNode & { readonly kind: "value" } {
    const start = this.#at;
    STRING.lastIndex = start;
    const [token = '"'] = STRING.exec(this.#text) ?? [];
    this.#at += token.length;
    const node = { kind: "value", start, end: this.#at } as const;
    if (token.length < 2 || !token.endsWith('"')) {
      this.#fault(start, this.#at, "the end of this string is missing");
      return { ...node, value: token.slice(1) };
    }
    try {
      return { ...node, value: JSON.parse(token) as string };
    } catch {
      this.#fault(start, this.#at, "this string is not JSON");
      return { ...node, value: token.slice(1, -1) };
    }
  }

  /** Passes a comma. @param next what follows where one has been forgotten @returns whether something else follows */
  #comma(next: string): boolean {
    this.#space();
    const at = this.#at;
    if (this.#text[at] === ",") {
      this.#at++;
      this.#space();
      if (CLOSING.test(this.#text[this.#at] ?? "")) this.#fault(at, at + 1, "this comma is one too many");
      return true;
    }
    if (next === "" || this.#text[at] !== next) return false;
    this.#fault(at, at + 1, "a comma is missing before this");
    return true;
  }

  #close(bracket: string, start: number): void {
    this.#space();
    if (this.#text[this.#at] === bracket) {
      this.#at++;
      return;
    }
    const isEnd = this.#at >= this.#text.length;
    this.#fault(
      isEnd ? start : this.#at,
      isEnd ? start + 1 : this.#at + 1,
      isEnd ? `the ${bracket} that closes this is missing` : `a comma or ${bracket} is missing before this`,
    );
    // What is here belongs to what is around this.
    if (!isEnd && !CLOSING.test(this.#text[this.#at] ?? "")) this.#at = this.#text.length;
  }

  #space(): void {
    SPACE.lastIndex = this.#at;
    this.#at += SPACE.exec(this.#text)?.[0].length ?? 0;
  }

  #fault(start: number, end: number, message: string): void {
    this.faults.push({ start, end, message });
  }
}

const SPACE = /[ \t\r\n]*/y;
const STRING = /"(?:[^"\\\r\n]|\\[^\r\n])*"?/y;
const WORD = /[^\s{}[\],:"]+/y;
const CLOSING = /[}\]]/;
