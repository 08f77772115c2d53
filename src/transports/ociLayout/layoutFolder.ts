/**
 * A folder that becomes an OCI layout, or has one more image afterwards. What is new waits in a folder of its own until all
 * of it is there; `index.json` comes last, so that nobody sees half an image.
 */
import { randomBytes } from "node:crypto";
import { constants, existsSync } from "node:fs";
import { access, mkdir, open, readdir, rename, stat, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { LaminixError } from "../../errors.js";
import { cannotWrite, refusedOutput } from "../../files/cannotWrite.js";
import { type Output, outputTarget } from "../../files/outputTarget.js";
import { readTextSoon } from "../../files/readText.js";
import { replacedFile, writeAll } from "../../files/replacedFile.js";
import { NewFolder, StagingFolder } from "../../files/stagingFolder.js";
import { listIn, objectIn, textIn } from "../../image/fields.js";
import { formatJson, isArray, isObject, type Json, type JsonObject, parseJson } from "../../bytes/json.js";
import type { Digest } from "../../bytes/digest.js";
import { type BorrowedBytes, once } from "../../bytes/bytes.js";
import { blobName } from "./blobs.js";
import { IMAGE_NAME, LAYOUT_FILE, layoutIndex, REF_NAME } from "./documents.js";

/** Bytes of an `index.json`; ten thousand images have a few million. */
const MAX_INDEX = 16 << 20;
const BLOBS = "blobs/sha256";

/** Where new files wait, and what becomes of them. */
type Place =
  | { readonly kind: "new"; readonly staging: NewFolder }
  /** It may be a file system of its own, so that they wait within it. */
  | {
      readonly kind: "layout";
      readonly folder: string;
      readonly staging: StagingFolder;
      readonly index: Output;
    };

export class LayoutFolder implements AsyncDisposable {
  /** As it was asked for. */
  readonly path: string;
  readonly #place: Place;
  #blobs: Promise<string> | undefined;

  private constructor(asked: string, place: Place) {
    this.path = asked;
    this.#place = place;
  }

  /**
   * Checks that the layout can be written; nothing is left of the attempt.
   * @throws {LaminixError} ERR_FILE_WRITE where something else is there, or nothing can be made
   */
  static async at(asked: string): Promise<LayoutFolder> {
    const target = await outputTarget(asked);
    if (target.kind !== "folder" && !(target.kind === "file" && !target.exists)) {
      throw refusedOutput(asked, target.kind === "file" ? "it is a file" : "it is not a folder", HINT);
    }
    const { path: folder } = target;
    if (!target.exists) return new LayoutFolder(asked, { kind: "new", staging: await NewFolder.at(asked) });
    await requireLayout(asked, folder);
    await indexIn(folder);
    const blobs = `${folder}/${BLOBS}`;
    const staging = await StagingFolder.for(asked, `${folder}/`);
    if (existsSync(blobs)) await writing(asked, access(blobs, constants.W_OK));
    const index = await outputTarget(`${folder}/index.json`);
    if (index.kind !== "file") throw refusedOutput(asked, "its index.json is not a file", HINT);
    return new LayoutFolder(asked, {
      kind: "layout",
      folder,
      staging,
      index: await replacedFile(asked, index.path),
    });
  }

  /** True if the blob is complete on disk. */
  async has(digest: Digest, size: number): Promise<boolean> {
    const folders = [
      ...(this.#blobs ? [await this.#place.staging.path()] : []),
      ...(this.#place.kind === "layout" ? [this.#place.folder] : []),
    ];
    for (const folder of folders) {
      const stats = await stat(`${folder}/${blobName(digest)}`).catch(() => undefined);
      if (stats?.isFile() && stats.size === size) return true;
    }
    return false;
  }

  /** @param digest asked for when all of them have come */
  async add(pieces: BorrowedBytes, digest: () => Promise<Digest>): Promise<void> {
    const blobs = await this.#stagedBlobs();
    const temporary = `${blobs}/../${randomBytes(6).toString("hex")}`;
    const file = await this.#writing(open(temporary, "wx"));
    try {
      for await (const piece of pieces) await this.#writing(writeAll(file, piece));
    } finally {
      await this.#writing(file.close());
    }
    await this.#writing(rename(temporary, `${blobs}/${basename(blobName(await digest()))}`));
  }

  /** Puts all in place. Entries of `index.json` with the same names as these are replaced, all others kept. */
  async commit(entries: readonly JsonObject[]): Promise<void> {
    const blobs = await this.#stagedBlobs();
    const place = this.#place;
    const staging = await place.staging.path();
    if (place.kind === "new") {
      await this.#writing(writeFile(`${staging}/oci-layout`, LAYOUT_FILE));
      await this.#writing(writeFile(`${staging}/index.json`, text(layoutIndex(entries))));
      await place.staging.commit();
      return;
    }
    const { folder, index } = place;
    await this.#writing(mkdir(`${folder}/${BLOBS}`, { recursive: true }));
    for (const name of await this.#writing(readdir(blobs))) {
      await this.#writing(rename(`${blobs}/${name}`, `${folder}/${BLOBS}/${name}`));
    }
    if (!existsSync(`${folder}/oci-layout`)) {
      await this.#writing(writeFile(`${staging}/oci-layout`, LAYOUT_FILE));
      await this.#writing(rename(`${staging}/oci-layout`, `${folder}/oci-layout`));
    }
    const whole = withEntries(await indexIn(folder), entries);
    await index.write(once(Buffer.from(text(whole))));
  }

  /** Removes what has not been put in place. */
  async [Symbol.asyncDispose](): Promise<void> {
    const place = this.#place;
    await place.staging[Symbol.asyncDispose]();
    if (place.kind === "layout") await place.index[Symbol.asyncDispose]();
  }

  #stagedBlobs(): Promise<string> {
    this.#blobs ??= this.#place.staging.path().then(async (staging) => {
      const blobs = `${staging}/${BLOBS}`;
      await this.#writing(mkdir(blobs, { recursive: true }));
      return blobs;
    });
    return this.#blobs;
  }

  #writing<T>(action: Promise<T>): Promise<T> {
    return writing(this.path, action);
  }
}

async function writing<T>(asked: string, action: Promise<T>): Promise<T> {
  try {
    return await action;
  } catch (error) {
    throw cannotWrite(asked, error);
  }
}

async function indexIn(folder: string): Promise<JsonObject> {
  const file = `${folder}/index.json`;
  if (!existsSync(file)) return layoutIndex([]);
  const index = parseJson(await readTextSoon(file, { limit: MAX_INDEX }), file);
  const manifests = isObject(index) ? index.get("manifests") : undefined;
  if (isObject(index) && (manifests === null || isArray(manifests))) return index;
  throw new LaminixError("ERR_ARCHIVE", `${file} is not the index of an OCI layout`, {
    details: { path: file },
  });
}

function text(json: JsonObject): string {
  return formatJson(json);
}

const HINT = "name a folder that is not there yet, or an OCI layout, to which the image is added";

/** An empty folder will do. */
async function requireLayout(asked: string, folder: string): Promise<void> {
  if (existsSync(`${folder}/oci-layout`)) return;
  const names = await writing(asked, readdir(folder));
  if (names.length > 0) throw refusedOutput(asked, "it is a folder with something else in it", HINT);
}

function withEntries(index: JsonObject, added: readonly JsonObject[]): JsonObject {
  const kept = listIn(index, "manifests").filter((entry) => !added.some((each) => isReplacedBy(entry, each)));
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

function namesIn(entry: JsonObject): (string | undefined)[] {
  return [REF_NAME, IMAGE_NAME].map((key) => textIn(objectIn(entry, "annotations"), key));
}
