/** A reference graph in a file, in place of a daemon. */
import { lstatSync } from "node:fs";
import { requireString, requireStrings } from "../arguments.js";
import { LaminixError, named } from "../errors.js";
import { JsonBudget, parsePlainJson } from "../bytes/jsonBudget.js";
import { readText } from "../files/readText.js";
import { Closure, type PathInfo } from "./closure.js";
import { parseSha256, toSri } from "./sha256.js";
import { closureColumns } from "./sorted.js";
import { checkStoreDir, hashPart, storeDirOf, type StorePath, toStorePath } from "./storePath.js";

/** Room for closures of half a million paths; they have a dozen values each. */
export function graphBudget(): JsonBudget {
  return new JsonBudget({ values: 8_000_000 });
}

/** The paths that a file describes. Answers what needs the graph only; never writes. */
export class GraphStore {
  readonly url: string;
  /** A file is not a trusted source of hashes. */
  readonly vouchesForHashes = false;
  readonly #nodes: ReadonlyMap<string, PathInfo>;
  readonly #storeDir: string;

  private constructor(url: string, nodes: readonly PathInfo[], storeDir: string) {
    this.url = url;
    this.#nodes = new Map(nodes.map((node) => [node.path, node]));
    this.#storeDir = storeDir;
  }

  /**
   * @param file the JSON of `exportReferencesGraph` with structured attributes (the list, or the whole attributes
   *   with the list under `graph`), or what `nix path-info -r --json` prints (list or object, any format version)
   * @throws {LaminixError} ERR_GRAPH, ERR_FILE_READ; ERR_JSON for more than anybody has room for
   */
  static read(file: string): GraphStore {
    requireString(file, "file");
    return GraphStore.parse(readText(file), file);
  }

  /** @throws {LaminixError} ERR_GRAPH; ERR_JSON for more than anybody has room for */
  static parse(text: string, name: string): GraphStore {
    requireString(text, "text");
    requireString(name, "name");
    let document: unknown;
    try {
      document = parsePlainJson(text, name, graphBudget());
    } catch (cause) {
      if (cause instanceof LaminixError) throw cause;
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
    const given = typeof paths === "string" ? [paths] : paths;
    requireStrings(given, "paths");
    const roots = given.map((path) => toStorePath(path, this.#storeDir));
    const columns = closureColumns(roots, this.#nodes, {
      missing: (path) =>
        new LaminixError("ERR_PATH_NOT_VALID", `${named(path)} is not in ${this.url}`, { details: { path } }),
      circle: (path, reference) => malformed(this.url, `${path} and ${reference} reference one another`),
    });
    return Promise.resolve(new Closure(columns));
  }

  async pathFromHashPart(hash: string): Promise<StorePath | undefined> {
    requireString(hash, "hash");
    return Promise.resolve([...this.#nodes.values()].find(({ path }) => hashPart(path) === hash)?.path);
  }

  /** @throws {LaminixError} ERR_PATH_NOT_ON_DISK */
  open(path: StorePath): { readonly disk: string } {
    requireString(path, "path");
    if (lstatSync(path, { throwIfNoEntry: false })) return { disk: path };
    throw new LaminixError("ERR_PATH_NOT_ON_DISK", `${path} is in ${this.url} but not on this disk`, {
      details: { path },
      hint: "a reference graph has no files: they are looked for where the paths say",
    });
  }
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

function nodeOf(path: string, fields: Fields, dir: string, name: string): PathInfo {
  const { narSize, narHash, references } = fields;
  if (typeof narSize !== "number" || !(narSize >= 0)) throw malformed(name, `${path} has no narSize`);
  if (!Array.isArray(references)) throw malformed(name, `${path} has no references`);
  // Format 2 of `nix path-info` names paths by their base names.
  const full = (text: unknown): StorePath =>
    toStorePath(String(text).includes("/") ? String(text) : `${dir}/${String(text)}`, dir);
  // A set, however often the file names one.
  const all = [...new Set(references.map(full))];
  return {
    ...{ path: full(path), narSize, narHash: sri(narHash), references: all },
    ...{ registrationTime: 0, ultimate: false, signatures: [] },
  };
}

/** A SHA-256, in any of the forms that Nix prints, as SRI; empty for anything else. */
function sri(hash: unknown): string {
  if (isRecord(hash)) return typeof hash.hash === "string" ? sri(`sha256-${hash.hash}`) : "";
  const bytes = typeof hash === "string" ? parseSha256(hash) : undefined;
  return bytes ? toSri(bytes) : "";
}

function isRecord(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function malformed(name: string, why: string, cause?: unknown): LaminixError {
  return new LaminixError("ERR_GRAPH", `${named(name)} is not a reference graph: ${why}`, {
    cause,
    hint: "give the JSON of exportReferencesGraph, or what `nix path-info -r --json` prints",
  });
}
