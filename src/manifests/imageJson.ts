/** JSON in images, and what is expected of it. */
import { LaminixError } from "../errors.js";
import { objectIn } from "../image/fields.js";
import { JsonBudget } from "../bytes/jsonBudget.js";
import { isArray, isObject, type Json, type JsonObject, parseJson } from "../bytes/json.js";
import { type Digest, isDigest } from "../bytes/digest.js";
import { type Region, regionBytes } from "../files/storedFile.js";

/** Bytes; larger JSON than this is neither a manifest nor a configuration. */
const MAX_JSON = 16 << 20;
/** All documents of an archive, a layout or an image in a registry: over a thousand images of a hundred layers. */
const LIMITS = { text: 64 << 20, values: 2_000_000 };
/** Layers of all its images, which may share them. Engines take no more than 127 an image. */
const MAX_LAYERS = 100_000;

/** Reads the JSON of one archive or layout, within one budget for all of it, and words its errors. */
export class ImageJson {
  readonly #path: string;
  readonly #what: string;
  readonly #budget = new JsonBudget(LIMITS);
  #layers = 0;

  /** @param what what the path should be: `a docker-archive` */
  constructor(path: string, what: string) {
    this.#path = path;
    this.#what = what;
  }

  /** @throws {LaminixError} ERR_ARCHIVE */
  bytes(region: Region, name: string): Buffer {
    this.requireSmall(region.size, name);
    return regionBytes(region);
  }

  /**
   * @param size of a document that has not been read yet
   * @throws {LaminixError} ERR_ARCHIVE
   */
  requireSmall(size: number, name: string): void {
    if (size <= MAX_JSON) return;
    throw this.damaged(`its ${name} has ${String(size)} bytes, where ${String(MAX_JSON)} are allowed`);
  }

  /**
   * To be asked for each image before its layers are looked for.
   * @throws {LaminixError} ERR_ARCHIVE
   */
  requireFewLayers(layers: number): void {
    this.#layers += layers;
    if (this.#layers <= MAX_LAYERS) return;
    throw this.damaged(`its images have more than ${String(MAX_LAYERS)} layers`);
  }

  /** @throws {LaminixError} ERR_JSON */
  parse(bytes: Buffer, name: string): Json {
    return parseJson(bytes.toString("utf8"), `${name} in ${this.#path}`, this.#budget);
  }

  /** @throws {LaminixError} ERR_JSON, ERR_ARCHIVE */
  parseObject(bytes: Buffer, name: string): JsonObject {
    return this.object(this.parse(bytes, name), name);
  }

  /** @throws {LaminixError} ERR_ARCHIVE */
  object(value: Json | undefined, what: string): JsonObject {
    if (isObject(value)) return value;
    throw this.damaged(`its ${what} is not an object`);
  }

  /** @throws {LaminixError} ERR_ARCHIVE */
  text(value: Json | undefined, key: string): string {
    if (typeof value === "string") return value;
    throw this.damaged(`its ${key} is not a string`);
  }

  /**
   * Nothing, or `null`, is the empty list: Go writes either.
   * @throws {LaminixError} ERR_ARCHIVE
   */
  list(value: Json | undefined, key: string): readonly Json[] {
    if (value === undefined || value === null) return [];
    if (isArray(value)) return value;
    throw this.damaged(`its ${key} is not a list`);
  }

  /** @throws {LaminixError} ERR_ARCHIVE */
  texts(value: Json | undefined, key: string): string[] {
    return this.list(value, key).map((item) => this.text(item ?? "", `an entry of its ${key}`));
  }

  /**
   * What the configuration says of the layers, bottom first.
   * @throws {LaminixError} ERR_ARCHIVE unless there is one for each of `layers`
   */
  diffIds(configFile: JsonObject, layers: number): Digest[] {
    const diffIds = this.texts(objectIn(configFile, "rootfs").get("diff_ids"), "diff_ids");
    if (diffIds.length !== layers) {
      throw this.damaged(`it has ${counted(layers, "layer")} but ${counted(diffIds.length, "diffID")}`);
    }
    return diffIds.map((diffId) => {
      if (isDigest(diffId)) return diffId;
      throw this.damaged(`${JSON.stringify(diffId)} is not a diffID`);
    });
  }

  damaged(
    why: string,
    {
      hint,
      details,
    }: { readonly hint?: string | undefined; readonly details?: Readonly<Record<string, unknown>> } = {},
  ): LaminixError {
    return new LaminixError("ERR_ARCHIVE", `${this.#path} is not ${this.#what} that can be read: ${why}`, {
      details: { path: this.#path, ...details },
      ...(hint !== undefined && { hint }),
    });
  }
}

function counted(count: number, what: string): string {
  return `${String(count)} ${what}${count === 1 ? "" : "s"}`;
}
