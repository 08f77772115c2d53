/** Derivations as Nix keeps them in the store: `.drv` files (Nix manual, "Store derivation and ATerm"). */
import { LaminixError } from "../errors.js";
import { requireStoreDirOf, type StorePath, toStorePath } from "./storePath.js";

/** All texts are byte strings: Nix does not say in which encoding they are. */
export interface Derivation {
  readonly path: StorePath;
  /** Of its path, without `.drv`. */
  readonly name: string;
  /** The store path of each output; `undefined` where it is known only after the build. */
  readonly outputs: ReadonlyMap<string, StorePath | undefined>;
  /** Which outputs of which derivations it is built from. */
  readonly inputDrvs: ReadonlyMap<StorePath, readonly string[]>;
  readonly inputSrcs: readonly StorePath[];
  readonly system: string;
  readonly builder: string;
  readonly args: readonly string[];
  readonly env: ReadonlyMap<string, string>;
}

/** Bytes. The largest in nixpkgs have some hundred thousand. */
export const MAX_DERIVATION = 64 << 20;

const EXTENSION = ".drv";
const ESCAPES: Readonly<Record<string, string>> = { '"': '"', "\\": "\\", n: "\n", r: "\r", t: "\t" };

/**
 * @param bytes the file
 * @param path where it is in the store
 * @throws {LaminixError} ERR_DERIVATION, with `details.offset` where it is the form that is wrong; ERR_UNSUPPORTED for
 *   a version of the format that is not known here
 */
export function parseDerivation(bytes: Uint8Array, path: StorePath): Derivation {
  if (!path.endsWith(EXTENSION)) throw invalid(path, `its name does not end in ${EXTENSION}`);
  if (bytes.length > MAX_DERIVATION) throw invalid(path, `it has more than ${MAX_DERIVATION} bytes`);
  const term = new Term(bytes, path);
  if (term.startsWith("DrvWithVersion(")) {
    throw new LaminixError("ERR_UNSUPPORTED", `${path} has a form that is not known here: DrvWithVersion`, {
      details: { path },
      hint: "derivations of derivations (dynamic derivations) are an experiment of Nix; build without it",
    });
  }
  const paths = new Paths(path);

  term.expect("Derive(");
  const outputs = term.list(() => {
    const [name, output] = term.fields(4) as [string, string];
    return [name, output === "" ? undefined : paths.check(output)] as const;
  });
  term.expect(",");
  const inputDrvs = term.list(() => {
    term.expect("(");
    const drv = paths.check(term.string());
    if (!drv.endsWith(EXTENSION)) throw invalid(path, `${drv} among its inputs is not a derivation`);
    term.expect(",");
    const names = term.list(() => term.string());
    term.expect(")");
    return [drv, names] as const;
  });
  term.expect(",");
  const inputSrcs = term.list(() => paths.check(term.string()));
  term.expect(",");
  const system = term.string();
  term.expect(",");
  const builder = term.string();
  term.expect(",");
  const args = term.list(() => term.string());
  term.expect(",");
  const env = term.list(() => term.fields(2) as [string, string]);
  term.expect(")");
  term.end();

  if (outputs.length === 0) throw invalid(path, "it has no outputs");
  const base = path.slice(path.lastIndexOf("/") + 1);
  return {
    path,
    name: base.slice("00000000000000000000000000000000-".length, -EXTENSION.length),
    outputs: unique(outputs, path, "output"),
    inputDrvs: unique(inputDrvs, path, "input"),
    inputSrcs,
    system,
    builder,
    args,
    env: unique(env, path, "variable"),
  };
}

/** Store paths in a derivation: those of the store that it is in. */
class Paths {
  readonly #of: StorePath;
  readonly #storeDir: string;

  constructor(of: StorePath) {
    this.#of = of;
    this.#storeDir = requireStoreDirOf(of);
  }

  check(text: string): StorePath {
    let path: string | undefined;
    try {
      path = toStorePath(text, this.#storeDir);
    } catch {
      // Told below, as a fault of the derivation.
    }
    if (path !== text) throw invalid(this.#of, `${JSON.stringify(text)} is not a path of its store`);
    return path as StorePath;
  }
}

function unique<K extends string, V>(
  entries: readonly (readonly [K, V])[],
  path: StorePath,
  what: string,
): ReadonlyMap<K, V> {
  const map = new Map(entries);
  if (map.size === entries.length && !map.has("" as K)) return map;
  const twice = entries.find(([key], i) => key === "" || entries.findIndex(([other]) => other === key) < i);
  throw invalid(path, `it has the ${what} ${JSON.stringify(twice?.[0] ?? "")} twice, or without a name`);
}

function invalid(path: StorePath, problem: string, offset?: number): LaminixError {
  return new LaminixError("ERR_DERIVATION", `${path} is not a derivation: ${problem}`, {
    details: { path, ...(offset !== undefined && { offset }) },
    hint: "a derivation is what `nix-instantiate` prints the path of",
  });
}

/** A term that is read from its start to its end. */
class Term {
  readonly #text: string;
  readonly #path: StorePath;
  #at = 0;

  constructor(bytes: Uint8Array, path: StorePath) {
    this.#text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
    this.#path = path;
  }

  startsWith(text: string): boolean {
    return this.#text.startsWith(text, this.#at);
  }

  expect(text: string): void {
    if (!this.startsWith(text)) throw this.#unexpected(JSON.stringify(text));
    this.#at += text.length;
  }

  end(): void {
    if (this.#at < this.#text.length) throw this.#unexpected("its end");
  }

  list<T>(item: () => T): T[] {
    const items: T[] = [];
    this.expect("[");
    while (!this.startsWith("]")) {
      if (items.length > 0) this.expect(",");
      items.push(item());
    }
    this.expect("]");
    return items;
  }

  /** A tuple of strings. */
  fields(count: number): string[] {
    const fields: string[] = [];
    for (let i = 0; i < count; i++) {
      this.expect(i === 0 ? "(" : ",");
      fields.push(this.string());
    }
    this.expect(")");
    return fields;
  }

  string(): string {
    this.expect('"');
    const special = /["\\]/g;
    let value = "";
    for (;;) {
      special.lastIndex = this.#at;
      const match = special.exec(this.#text);
      if (!match) {
        this.#at = this.#text.length;
        throw this.#unexpected("the end of a string");
      }
      value += this.#text.slice(this.#at, match.index);
      this.#at = match.index + 1;
      if (match[0] === '"') return value;
      const letter = this.#text.charAt(this.#at);
      const escaped = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined;
      if (escaped === undefined) throw this.#unexpected('one of n, r, t, " and \\');
      value += escaped;
      this.#at++;
    }
  }

  #unexpected(expected: string): LaminixError {
    return invalid(this.#path, `at byte ${this.#at} is not ${expected}`, this.#at);
  }
}
