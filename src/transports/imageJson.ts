/** JSON in images, and what is expected of it. */
import { LaminixError } from "../errors.js";
import { isArray, isObject, type Json, type JsonObject, parseJson } from "../image/json.js";
import type { Digest } from "../image/layer.js";
import { isDigest } from "./digest.js";
import { type Region, regionBytes } from "./storedFile.js";

/** Larger JSON than this is neither a manifest nor a configuration. */
const MAX_JSON = 16 << 20;

/** Reads the JSON of one archive or layout, and words its errors. */
export class ImageJson {
  readonly #path: string;
  readonly #what: string;

  /** @param what what the path should be: `a docker-archive` */
  constructor(path: string, what: string) {
    this.#path = path;
    this.#what = what;
  }

  /** @throws {LaminixError} ERR_ARCHIVE */
  bytes(region: Region, name: string): Buffer {
    if (region.size <= MAX_JSON) return regionBytes(region);
    throw this.damaged(`its ${name} has ${String(region.size)} bytes`);
  }

  /** @throws {LaminixError} ERR_JSON */
  parse(bytes: Buffer, name: string): Json {
    return parseJson(bytes.toString("utf8"), `${name} in ${this.#path}`);
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

  /** @throws {LaminixError} ERR_ARCHIVE */
  texts(value: Json | undefined, key: string): string[] {
    if (isArray(value)) return value.map((item) => this.text(item, key));
    throw this.damaged(`its ${key} is not a list`);
  }

  /**
   * What the configuration says of the layers, bottom first.
   * @throws {LaminixError} ERR_ARCHIVE unless there is one for each of `layers`
   */
  diffIds(configFile: JsonObject, layers: number): Digest[] {
    const rootfs = configFile.get("rootfs");
    const diffIds = this.texts(isObject(rootfs) ? rootfs.get("diff_ids") : undefined, "diff_ids");
    if (diffIds.length !== layers) {
      throw this.damaged(`it has ${String(layers)} layers but ${String(diffIds.length)} diffIDs`);
    }
    return diffIds.map((diffId) => {
      if (isDigest(diffId)) return diffId;
      throw this.damaged(`${diffId} is not a diffID`);
    });
  }

  damaged(why: string, hint?: string): LaminixError {
    return new LaminixError("ERR_ARCHIVE", `${this.#path} is not ${this.#what} that can be read: ${why}`, {
      details: { path: this.#path },
      ...(hint !== undefined && { hint }),
    });
  }
}
