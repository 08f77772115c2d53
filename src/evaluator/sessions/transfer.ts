/**
 * How data and Nix source get to a session. Its prompt goes through readline, which takes a tab for a command and ever
 * longer for long lines, and text that is not finished would swallow what comes after it. So data is typed as JSON in
 * ASCII, or read from a file where it is long, and source is always in a file of its own.
 */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Binding } from "./session.js";

/** Characters of text that are typed: readline takes some microseconds for each. */
const MAX_TYPED = 1000;
/** The same where there is no other way; lines beyond take longer by the square. */
const MAX_LINE = 8000;

/** An expression, what it needs bound before, and the file that it reads when it is evaluated. */
export interface Sent {
  readonly text: string;
  readonly bindings: readonly Binding[];
  readonly file?: string;
}

export class Transfer {
  readonly #folder: string;
  readonly #isPure: boolean;
  #count = 0;

  /** @param isPure whether Nix may read only from the store: then all is typed */
  constructor(folder: string, isPure: boolean) {
    this.#folder = folder;
    this.#isPure = isPure;
  }

  /** An expression of a JSON document's value. */
  json(document: string): Sent {
    const ascii = document.replace(/[^ -~]/g, escaped);
    if (ascii.length <= MAX_TYPED) return { text: `(builtins.fromJSON ${quoted(ascii)})`, bindings: [] };
    if (!this.#isPure) {
      const file = this.#write(`${String(++this.#count)}.json`, ascii);
      return { text: `(builtins.fromJSON (builtins.readFile ${pathText(file)}))`, bindings: [], file };
    }
    const bindings = Array.from({ length: Math.ceil(ascii.length / MAX_LINE) }, (_, i) => ({
      name: `t${String(++this.#count)}`,
      text: quoted(ascii.slice(i * MAX_LINE, (i + 1) * MAX_LINE)),
    }));
    return { text: `(builtins.fromJSON (${bindings.map(({ name }) => name).join(" + ")}))`, bindings };
  }

  /** An expression of the value of Nix source, which has a file of that name. */
  source(nix: string): Sent & { readonly file: string } {
    const name = `${String(++this.#count)}.nix`;
    if (!this.#isPure) {
      const file = this.#write(name, nix);
      return { text: `(import ${pathText(file)})`, bindings: [], file };
    }
    const { text, bindings } = this.json(JSON.stringify(nix));
    return { text: `(import (builtins.toFile "${name}" ${text}))`, bindings, file: name };
  }

  /** Removes what was written for an expression that has been evaluated. */
  forget({ file }: Sent): void {
    if (file !== undefined) rmSync(file, { force: true });
  }

  #write(name: string, text: string): string {
    const file = join(this.#folder, name);
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  }
}

function pathText(path: string): string {
  return `(builtins.fromJSON ${quoted(JSON.stringify(path).replace(/[^ -~]/g, escaped))})`;
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** A Nix string of printable ASCII. */
function quoted(ascii: string): string {
  return `"${ascii.replace(/["\\$]/g, "\\$&")}"`;
}
