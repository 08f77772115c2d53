/**
 * A folder that becomes an OCI layout, or has one more image afterwards. What is new waits in a folder of its own until all
 * of it is there; `index.json` comes last, so that nobody sees half an image.
 */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { LaminixError } from "../../errors.js";
import { formatJson, isArray, isObject, type Json, type JsonObject, parseJson } from "../../image/json.js";
import type { Digest } from "../../image/layer.js";
import { cannotWrite } from "../../files/cannotWrite.js";
import { readTextSoon } from "../../files/readText.js";
import { writeAll } from "../file.js";
import { blobName } from "./blobs.js";
import { IMAGE_NAME, LAYOUT_FILE, layoutIndex, REF_NAME } from "./documents.js";

/** Bytes of an `index.json`; ten thousand images have a few million. */
const MAX_INDEX = 16 << 20;
const BLOBS = "blobs/sha256";

export class LayoutFolder implements AsyncDisposable {
  readonly #path: string;
  /** Whether it is there already, empty or a layout. */
  readonly #exists: boolean;
  /** Where new files wait. */
  readonly #staging: string;

  private constructor(folder: string, { exists }: { readonly exists: boolean }) {
    const name = `${randomBytes(6).toString("hex")}.partial`;
    this.#path = folder;
    this.#exists = exists;
    // Beside a new one, so that it can be renamed; within one that is there, for it may be a file system of its own.
    this.#staging = exists ? path.join(folder, `.${name}`) : `${folder}.${name}`;
  }

  /** @throws {LaminixError} ERR_FILE_WRITE where something else is there, or nothing can be made */
  static async at(given: string): Promise<LayoutFolder> {
    const folder = path.resolve(given);
    const exists = await isLayoutToBe(folder);
    const layout = new LayoutFolder(folder, { exists });
    try {
      await mkdir(layout.#staging);
      await mkdir(path.join(layout.#staging, BLOBS), { recursive: true });
      return layout;
    } catch (error) {
      await layout[Symbol.asyncDispose]();
      throw cannotWrite(folder, error);
    }
  }

  /** Whether it has the blob; one that is cut short is not one. */
  async has(digest: Digest, size: number): Promise<boolean> {
    for (const folder of [this.#staging, this.#path]) {
      const stats = await stat(path.join(folder, blobName(digest))).catch(() => undefined);
      if (stats?.isFile() && stats.size === size) return true;
    }
    return false;
  }

  /**
   * @param pieces each good until the next one is asked for
   * @param digest asked for when all of them have come
   */
  async add(pieces: AsyncIterable<Uint8Array>, digest: () => Promise<Digest>): Promise<void> {
    const temporary = path.join(this.#staging, randomBytes(6).toString("hex"));
    const file = await this.#writing(open(temporary, "wx"));
    try {
      for await (const piece of pieces) await this.#writing(writeAll(file, piece));
    } finally {
      await this.#writing(file.close());
    }
    await this.#writing(rename(temporary, path.join(this.#staging, blobName(await digest()))));
  }

  /** Puts all in place. Entries of `index.json` with the same names as these are replaced, all others kept. */
  async commit(entries: readonly JsonObject[]): Promise<void> {
    if (!this.#exists) {
      await this.#writing(writeFile(path.join(this.#staging, "oci-layout"), LAYOUT_FILE));
      await this.#writing(writeFile(path.join(this.#staging, "index.json"), text(layoutIndex(entries))));
      await this.#writing(rename(this.#staging, this.#path));
      return;
    }
    await this.#writing(mkdir(path.join(this.#path, BLOBS), { recursive: true }));
    for (const name of await this.#writing(readdir(path.join(this.#staging, BLOBS)))) {
      await this.#move(`${BLOBS}/${name}`);
    }
    if (!existsSync(path.join(this.#path, "oci-layout"))) {
      await this.#writing(writeFile(path.join(this.#staging, "oci-layout"), LAYOUT_FILE));
      await this.#move("oci-layout");
    }
    const index = withEntries(await this.#index(), entries);
    await this.#writing(writeFile(path.join(this.#staging, "index.json"), text(index)));
    await this.#move("index.json");
  }

  /** Removes what has not been put in place. */
  async [Symbol.asyncDispose](): Promise<void> {
    // Where nothing could be made nothing can be removed; the first error is the one to tell.
    await rm(this.#staging, { recursive: true, force: true }).catch(() => undefined);
  }

  async #move(name: string): Promise<void> {
    await this.#writing(rename(path.join(this.#staging, name), path.join(this.#path, name)));
  }

  async #index(): Promise<JsonObject> {
    const file = path.join(this.#path, "index.json");
    if (!existsSync(file)) return layoutIndex([]);
    const index = parseJson(await readTextSoon(file, { limit: MAX_INDEX }), file);
    if (isObject(index) && isArray(index.get("manifests"))) return index;
    throw new LaminixError("ERR_ARCHIVE", `${file} is not the index of an OCI layout`, {
      details: { path: file },
    });
  }

  async #writing<T>(action: Promise<T>): Promise<T> {
    try {
      return await action;
    } catch (error) {
      throw cannotWrite(this.#path, error);
    }
  }
}

function text(json: JsonObject): string {
  return formatJson(json);
}

/** `true` for a layout or an empty folder, `false` where there is nothing. */
async function isLayoutToBe(folder: string): Promise<boolean> {
  const stats = await stat(folder).catch(() => undefined);
  if (!stats) return false;
  const refuse = (why: string): LaminixError =>
    new LaminixError("ERR_FILE_WRITE", `${folder} cannot be written: ${why}`, {
      details: { path: folder },
      hint: "name a folder that is not there yet, or an OCI layout, to which the image is added",
    });
  if (!stats.isDirectory()) throw refuse("it is a file");
  if (existsSync(path.join(folder, "oci-layout"))) return true;
  const names = await readdir(folder).catch((error: unknown) => {
    throw cannotWrite(folder, error);
  });
  if (names.length > 0) throw refuse("it is a folder with something else in it");
  return true;
}

function withEntries(index: JsonObject, added: readonly JsonObject[]): JsonObject {
  const before = index.get("manifests");
  const kept = (isArray(before) ? before : []).filter(
    (entry) => !added.some((each) => isReplacedBy(entry, each)),
  );
  return new Map(index).set("manifests", [...kept, ...added]);
}

/** A name leads to one image. A tag without a whole name is every name's; without a name it is the image that counts. */
function isReplacedBy(entry: Json, added: JsonObject): boolean {
  if (!isObject(entry)) return false;
  const [reference, name] = namesIn(entry);
  const [newReference, newName] = namesIn(added);
  if (reference === undefined && name === undefined) return entry.get("digest") === added.get("digest");
  return reference === newReference && (name === undefined || name === newName);
}

function namesIn(entry: JsonObject): (Json | undefined)[] {
  const annotations = entry.get("annotations");
  return [REF_NAME, IMAGE_NAME].map((key) => (isObject(annotations) ? annotations.get(key) : undefined));
}
