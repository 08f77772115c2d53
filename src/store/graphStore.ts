/** A reference graph in a file, in place of a daemon. */
import { lstatSync, readFileSync } from "node:fs";
import { LaminixError } from "../errors.js";
import { Closure, type ClosureColumns } from "./closure.js";
import { checkStoreDir, hashPart, storeDirOf, type StorePath, toStorePath } from "./storePath.js";

interface Node {
  readonly path: StorePath;
  /** SRI; empty where the file does not tell. */
  readonly narHash: string;
  readonly narSize: number;
  readonly references: readonly StorePath[];
}

/** The paths that a file describes. Answers what needs the graph only; never writes. */
export class GraphStore {
  readonly url: string;
  readonly #nodes: ReadonlyMap<string, Node>;
  readonly #storeDir: string;

  private constructor(url: string, nodes: readonly Node[], storeDir: string) {
    this.url = url;
    this.#nodes = new Map(nodes.map((node) => [node.path, node]));
    this.#storeDir = storeDir;
  }

  /**
   * @param file the JSON of `exportReferencesGraph` with structured attributes (the list, or the whole attributes
   *   with the list under `graph`), or what `nix path-info -r --json` prints (list or object, any format version)
   * @throws {LaminixError} ERR_GRAPH, ERR_FILE_READ
   */
  static read(file: string): GraphStore {
    let text: string;
    try {
      text = readFileSync(file, "utf8");
    } catch (cause) {
      throw new LaminixError("ERR_FILE_READ", `${file} cannot be read`, { cause, details: { path: file } });
    }
    return GraphStore.parse(text, file);
  }

  /** @throws {LaminixError} ERR_GRAPH */
  static parse(text: string, name: string): GraphStore {
    let document: unknown;
    try {
      document = JSON.parse(text);
    } catch (cause) {
      throw malformed(name, "it is not JSON", cause);
    }
    const { entries, storeDir } = entriesOf(document, name);
    const first = entries[0]?.[0];
    const dir = storeDir ?? (first === undefined ? undefined : storeDirOf(first)) ?? "/nix/store";
    const nodes = entries.map(([path, fields]) => nodeOf(path, fields, dir, name));
    const known = new Set<string>(nodes.map((node) => node.path));
    for (const { path, references } of nodes) {
      const missing = references.find((reference) => !known.has(reference));
      if (missing !== undefined)
        throw malformed(name, `${path} references ${missing}, which it does not describe`);
    }
    return new GraphStore(name, nodes, checkStoreDir(dir));
  }

  async storeDir(): Promise<string> {
    return Promise.resolve(this.#storeDir);
  }

  /** @throws {LaminixError} ERR_PATH_NOT_VALID, ERR_OUTSIDE_STORE, ERR_STORE_PATH, ERR_GRAPH for a circle */
  async closure(paths: string | readonly string[]): Promise<Closure> {
    const roots = (typeof paths === "string" ? [paths] : paths).map((path) =>
      toStorePath(path, this.#storeDir),
    );
    return Promise.resolve(new Closure(columnsOf(this.#sorted(roots))));
  }

  async pathFromHashPart(hash: string): Promise<StorePath | undefined> {
    return Promise.resolve([...this.#nodes.values()].find(({ path }) => hashPart(path) === hash)?.path);
  }

  /** @throws {LaminixError} ERR_PATH_NOT_ON_DISK */
  open(path: StorePath): { readonly disk: string } {
    if (lstatSync(path, { throwIfNoEntry: false })) return { disk: path };
    throw new LaminixError("ERR_PATH_NOT_ON_DISK", `${path} is in ${this.url} but not on this disk`, {
      details: { path },
    });
  }

  /** Depth first, so that each node comes after all that it references. */
  #sorted(roots: readonly StorePath[]): Node[] {
    const sorted: Node[] = [];
    const state = new Map<string, "open" | "done">();
    const stack = roots
      .toSorted()
      .map((path) => ({ path, leave: false }))
      .reverse();
    for (let next = stack.pop(); next; next = stack.pop()) {
      const { path, leave } = next;
      const node = this.#nodes.get(path);
      if (!node) {
        throw new LaminixError("ERR_PATH_NOT_VALID", `${path} is not in ${this.url}`, { details: { path } });
      }
      if (leave) {
        state.set(path, "done");
        sorted.push(node);
        continue;
      }
      if (state.has(path)) continue;
      state.set(path, "open");
      stack.push({ path, leave: true });
      for (const reference of node.references.toSorted().reverse()) {
        if (reference === path || state.get(reference) === "done") continue;
        if (state.get(reference) === "open")
          throw malformed(this.url, `${path} and ${reference} reference one another`);
        stack.push({ path: reference, leave: false });
      }
    }
    return sorted;
  }
}

/** Keeps texts that the nodes have anyway, but none of the nodes. */
function columnsOf(nodes: readonly Node[]): ClosureColumns {
  const rows = new Map<string, number>(nodes.map((node, row) => [node.path, row]));
  const offsets = new Uint32Array(nodes.length + 1);
  for (const [row, { references }] of nodes.entries())
    offsets[row + 1] = (offsets[row] ?? 0) + references.length;
  const targets = new Uint32Array(offsets.at(-1) ?? 0);
  for (const [row, { references }] of nodes.entries()) {
    const sorted = references.map((path) => rows.get(path) ?? 0).sort((one, other) => one - other);
    targets.set(sorted, offsets[row]);
  }
  const paths = nodes.map(({ path }) => path);
  const narHashes = nodes.map(({ narHash }) => narHash);
  const narSizes = Float64Array.from(nodes, ({ narSize }) => narSize);
  return {
    count: nodes.length,
    references: { offsets, targets },
    path: (row) => paths[row] as StorePath,
    narHash: (row) => narHashes[row] ?? "",
    narSize: (row) => narSizes[row] ?? 0,
    info: () => ({ registrationTime: 0, ultimate: false, signatures: [] }),
  };
}

type Fields = Readonly<Record<string, unknown>>;

function entriesOf(document: unknown, name: string): { entries: [string, Fields][]; storeDir?: string } {
  if (Array.isArray(document)) {
    return {
      entries: document.map((fields: unknown) => {
        if (!isRecord(fields) || typeof fields.path !== "string")
          throw malformed(name, "an entry has no path");
        return [fields.path, fields];
      }),
    };
  }
  if (!isRecord(document)) throw malformed(name, "it is neither a list nor an object");
  if (Array.isArray(document.graph)) return entriesOf(document.graph, name);
  const wrapped = isRecord(document.info) ? document.info : document;
  const entries = Object.entries(wrapped).map(([path, fields]): [string, Fields] => {
    if (!isRecord(fields)) throw malformed(name, `${path} is not valid in the store that it describes`);
    return [path, fields];
  });
  const storeDir = typeof document.storeDir === "string" ? document.storeDir : undefined;
  return storeDir === undefined ? { entries } : { entries, storeDir };
}

function nodeOf(path: string, fields: Fields, dir: string, name: string): Node {
  const { narSize, narHash, references } = fields;
  if (typeof narSize !== "number" || !(narSize >= 0)) throw malformed(name, `${path} has no narSize`);
  if (!Array.isArray(references)) throw malformed(name, `${path} has no references`);
  // Format 2 of `nix path-info` names paths by their base names.
  const full = (text: unknown): StorePath =>
    toStorePath(String(text).includes("/") ? String(text) : `${dir}/${String(text)}`, dir);
  // A set, however often the file names one.
  return {
    path: full(path),
    narSize,
    narHash: sri(narHash),
    references: [...new Set(references.map(full))],
  };
}

/** A SHA-256, in any of the forms that Nix prints, as SRI; empty for anything else. */
function sri(hash: unknown): string {
  if (isRecord(hash)) return typeof hash.hash === "string" ? sri(`sha256-${hash.hash}`) : "";
  const digits = typeof hash === "string" ? /^sha256[:-](.+)$/.exec(hash)?.[1] : undefined;
  if (digits === undefined) return "";
  if (/^[0-9a-f]{64}$/.test(digits)) return `sha256-${Buffer.from(digits, "hex").toString("base64")}`;
  if (/^[0-9a-df-np-sv-z]{52}$/.test(digits)) return `sha256-${base32Decoded(digits).toString("base64")}`;
  return /^[A-Za-z0-9+/]{43}=$/.test(digits) ? `sha256-${digits}` : "";
}

/** Nix's base 32: least significant digit last, in characters without e, o, u, t. */
function base32Decoded(digits: string): Buffer {
  const bytes = Buffer.alloc(32);
  for (let i = 0; i < digits.length; i++) {
    const value = "0123456789abcdfghijklmnpqrsvwxyz".indexOf(digits[digits.length - 1 - i] ?? "");
    const bit = i * 5;
    const shifted = value << (bit % 8);
    const at = bit >> 3;
    bytes[at] = (bytes[at] ?? 0) | (shifted & 0xff);
    if (at + 1 < 32) bytes[at + 1] = (bytes[at + 1] ?? 0) | (shifted >> 8);
  }
  return bytes;
}

function isRecord(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function malformed(name: string, why: string, cause?: unknown): LaminixError {
  return new LaminixError("ERR_GRAPH", `${name} is not a reference graph: ${why}`, {
    cause,
    hint: "give the JSON of exportReferencesGraph, or what `nix path-info -r --json` prints",
  });
}
