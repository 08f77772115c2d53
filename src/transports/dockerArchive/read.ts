/** Reads a docker-archive: what `docker save`, skopeo and this library write. */
import { createHash } from "node:crypto";
import {
  closeSync,
  createReadStream,
  createWriteStream,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, posix } from "node:path";
import { pipeline } from "node:stream/promises";
import { extract, type Header } from "tar-stream";
import { type Compression, decompress } from "../../compress/decompress.js";
import { LaminixError } from "../../errors.js";
import { isArray, isObject, type Json, type JsonObject, parseJson } from "../../image/json.js";
import type { Digest } from "../../image/layer.js";
import { PIECE } from "../../tar/archive.js";
import { BLOCK } from "../../tar/header.js";
import { ArchivedLayer } from "./archivedLayer.js";
import { canonicalHeader } from "./memberHeader.js";
import { ArchiveFile } from "./archiveFile.js";

export interface ArchivedImage {
  /** `name:tag`s. */
  readonly references: readonly string[];
  readonly configDigest: Digest;
  /** The configuration file. */
  readonly configFile: JsonObject;
  /** Bottom first. */
  readonly layers: readonly ArchivedLayer[];
}

/** Larger JSON than this is no configuration. */
const MAX_JSON = 16 << 20;

interface Member {
  readonly name: string;
  readonly type: string;
  readonly linkname: string;
  readonly size: number;
  /** Of the body in the file. */
  readonly offset: number;
  readonly header: Buffer;
}

/** An open archive. Its layers can be read until it is closed. */
export class DockerArchive implements Disposable {
  readonly images: readonly ArchivedImage[];
  readonly #file: ArchiveFile;

  private constructor(file: ArchiveFile, images: readonly ArchivedImage[]) {
    this.#file = file;
    this.images = images;
  }

  /**
   * @param path a file, plain or compressed with gzip, zstd, xz or bzip2
   * @throws {LaminixError} ERR_FILE_READ, ERR_ARCHIVE, ERR_JSON, ERR_PROGRAM
   */
  static async open(
    path: string,
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<DockerArchive> {
    const file = new ArchiveFile(path, await openPlain(path, signal));
    try {
      const members = await index(path, file, signal);
      return new DockerArchive(file, imagesOf(path, file, members));
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** May be called again. */
  close(): void {
    this.#file.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Opens an archive for reading at any place. A compressed one is unpacked into a file that has no name any more. */
async function openPlain(path: string, signal: AbortSignal | undefined): Promise<number> {
  let fd: number | undefined;
  const magic = Buffer.alloc(6);
  try {
    fd = openSync(path, "r");
    readSync(fd, magic, 0, magic.length, 0);
  } catch (cause) {
    if (fd !== undefined) closeSync(fd);
    throw new LaminixError("ERR_FILE_READ", `${path} cannot be read`, { cause, details: { path } });
  }
  const compression = compressionOf(magic);
  if (compression === undefined) return fd;
  closeSync(fd);
  const folder = mkdtempSync(join(tmpdir(), "laminix-"));
  try {
    const plain = join(folder, "archive.tar");
    await pipeline(
      decompress(createReadStream(path), compression, { signal }),
      createWriteStream(plain),
      signal ? { signal } : {},
    );
    return openSync(plain, "r");
  } catch (cause) {
    if (signal?.aborted) throw signal.reason;
    if (cause instanceof LaminixError && cause.code === "ERR_PROGRAM") throw cause;
    throw new LaminixError("ERR_ARCHIVE", `${path} cannot be unpacked`, { cause, details: { path } });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function compressionOf(magic: Buffer): Compression | undefined {
  const starts = (...bytes: number[]): boolean => bytes.every((byte, i) => magic[i] === byte);
  if (starts(0x1f, 0x8b)) return "gzip";
  if (starts(0x28, 0xb5, 0x2f, 0xfd)) return "zstd";
  if (starts(0xfd, 0x37, 0x7a, 0x58, 0x5a)) return "xz";
  if (starts(0x42, 0x5a, 0x68)) return "bzip2";
  return undefined;
}

/** Every member by name; of two with the same name the later one, as tar has it. */
async function index(
  path: string,
  file: ArchiveFile,
  signal: AbortSignal | undefined,
): Promise<Map<string, Member>> {
  const members = new Map<string, Member>();
  const parser = extract();
  const block = Buffer.alloc(BLOCK);
  parser.on("entry", (header: Header & { byteOffset?: number }, body, next) => {
    const offset = header.byteOffset ?? 0;
    try {
      readSync(file.descriptor, block, 0, BLOCK, offset - BLOCK);
      members.set(header.name, {
        name: header.name,
        type: header.type,
        linkname: header.linkname,
        size: header.type === "file" || header.type === "contiguous-file" ? header.size : 0,
        offset,
        header: canonicalHeader(block, header),
      });
    } catch (error) {
      parser.destroy(error as Error);
      return;
    }
    body.on("error", () => undefined); // the parser tells the same
    body.on("end", next);
    body.resume();
  });
  try {
    await pipeline(piecesOf(file), parser, { ...(signal && { signal }) });
  } catch (cause) {
    if (signal?.aborted) throw signal.reason;
    throw damaged(path, "it is not a whole tar archive", cause);
  }
  return members;
}

/** All of a file from its start. A stream of Node's own would close the descriptor when it is cut short. */
async function* piecesOf(file: ArchiveFile): AsyncGenerator<Uint8Array> {
  for (let position = 0; ;) {
    const piece = Buffer.allocUnsafeSlow(PIECE);
    const size = await file.read(piece, PIECE, position);
    if (size === 0) return;
    position += size;
    yield piece.subarray(0, size);
  }
}

function imagesOf(path: string, file: ArchiveFile, members: ReadonlyMap<string, Member>): ArchivedImage[] {
  const fd = file.descriptor;
  const manifest = readJson(path, fd, members, "manifest.json").json;
  if (!isArray(manifest) || manifest.length === 0) throw damaged(path, "its manifest.json lists no image");
  return manifest.map((entry) => {
    if (!isObject(entry)) throw damaged(path, "its manifest.json has an entry that is not an object");
    const { json: configFile, digest } = readJson(
      path,
      fd,
      members,
      text(entry.get("Config"), path, "Config"),
    );
    if (!isObject(configFile)) throw damaged(path, "its configuration is not an object");
    const rootfs = configFile.get("rootfs");
    const diffIds = texts(isObject(rootfs) ? rootfs.get("diff_ids") : undefined, path, "diff_ids");
    const names = texts(entry.get("Layers"), path, "Layers");
    if (names.length !== diffIds.length) {
      throw damaged(path, `it has ${String(names.length)} layers but ${String(diffIds.length)} diffIDs`);
    }
    const references = entry.get("RepoTags") ?? null;
    const layers = names.map((name, i) => {
      const member = find(path, members, name);
      const { offset, size } = resolve(path, members, member);
      const diffId = diffIds[i] ?? "";
      if (!/^sha256:[0-9a-f]{64}$/.test(diffId)) throw damaged(path, `${diffId} is not a diffID`);
      return new ArchivedLayer({
        kind: "base",
        sources: [name],
        member,
        diffId: diffId as Digest,
        file,
        offset,
        size,
      });
    });
    return {
      references: references === null ? [] : texts(references, path, "RepoTags"),
      configDigest: digest,
      configFile,
      layers,
    };
  });
}

/** Follows links: `docker save` stores a layer that images share once. */
function resolve(path: string, members: ReadonlyMap<string, Member>, member: Member, depth = 0): Member {
  if (member.type === "file" || member.type === "contiguous-file") return member;
  if ((member.type !== "symlink" && member.type !== "link") || depth > 16) {
    throw damaged(path, `its layer ${member.name} is not a file`);
  }
  const target =
    member.type === "link" ? member.linkname : posix.join(posix.dirname(member.name), member.linkname);
  return resolve(path, members, find(path, members, target), depth + 1);
}

function find(path: string, members: ReadonlyMap<string, Member>, name: string): Member {
  const member = members.get(name) ?? members.get(`./${name}`);
  if (member) return member;
  const hint =
    name === "manifest.json"
      ? "a docker-archive is what `docker save` and skopeo's docker-archive: write"
      : undefined;
  throw damaged(path, `it has no ${name}`, undefined, hint);
}

function readJson(
  path: string,
  fd: number,
  members: ReadonlyMap<string, Member>,
  name: string,
): { json: Json; digest: Digest } {
  const { offset, size } = find(path, members, name);
  if (size > MAX_JSON) throw damaged(path, `its ${name} has ${String(size)} bytes`);
  const bytes = Buffer.alloc(size);
  readSync(fd, bytes, 0, size, offset);
  const digest: Digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  return { json: parseJson(bytes.toString("utf8"), `${name} in ${path}`), digest };
}

function text(value: Json | undefined, path: string, key: string): string {
  if (typeof value === "string") return value;
  throw damaged(path, `its ${key} is not a string`);
}

function texts(value: Json | undefined, path: string, key: string): string[] {
  if (isArray(value)) return value.map((item) => text(item, path, key));
  throw damaged(path, `its ${key} is not a list`);
}

function damaged(path: string, why: string, cause?: unknown, hint?: string): LaminixError {
  return new LaminixError("ERR_ARCHIVE", `${path} is not a docker-archive that can be read: ${why}`, {
    cause,
    details: { path },
    ...(hint !== undefined && { hint }),
  });
}
