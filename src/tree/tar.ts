/** The canonical tar of a tree: `./`, then all below it, names in code point order. */
import { sortNames, toByteString } from "../bytes/byteString.js";
import { OpenFile } from "../files/openFile.js";
import { Pauses } from "../files/pauses.js";
import { LaminixError } from "../errors.js";
import { ArchiveWriter, type FileBytes } from "../tar/archive.js";
import { type BorrowedBytes, PIECE } from "../bytes/bytes.js";
import { diskTreePieces } from "../tar/diskTree.js";
import type { Fingerprint } from "../tar/fingerprint.js";
import { type Entry, HeaderEncoder } from "../tar/header.js";
import { narTreePieces } from "../tar/narTree.js";
import {
  type Attributes,
  type Body,
  type FileNode,
  type FolderNode,
  rootOwned,
  type StoreNode,
  type TreeNode,
} from "./node.js";

export type HardLinks = "copy" | "keep";

export interface TreeTarOptions {
  /** Unix seconds, of what has no time of its own. */
  readonly mtime: number;
  readonly signal?: AbortSignal | undefined;
  /** What becomes of a file that is in the tree several times: as many files unless given. */
  readonly hardLinks?: HardLinks | undefined;
  /** Takes note of every file on the disk. */
  readonly fingerprint: Fingerprint;
}

/**
 * The archive.
 * @throws {LaminixError} ERR_FILE_CHANGED, ERR_FILE_READ, ERR_FILE_TYPE, ERR_NAR, ERR_NAR_HASH, ERR_ARCHIVE
 */
export async function* treePieces(root: FolderNode, options: TreeTarOptions): BorrowedBytes {
  const buffer = Buffer.allocUnsafeSlow(PIECE);
  const encoders = new Encoders(options.mtime);
  const archive = new ArchiveWriter(encoders.for(STORE), () => buffer);
  const keepsLinks = options.hardLinks === "keep";
  const names = new Map<TreeNode, string>();
  const pauses = new Pauses(options.signal);
  for (const [name, node] of walk(root)) {
    options.signal?.throwIfAborted();
    if (pauses.isDue()) await pauses.take();
    const other = keepsLinks ? names.get(node) : undefined;
    if (node.type === "store") {
      archive.encoder = encoders.for(STORE);
      yield* storePieces(node, name, archive, options);
    } else {
      archive.encoder = encoders.for(node.attributes);
      if (other !== undefined) yield* archive.header(hardLink(name, other, node.attributes));
      else if (node.type === "file") yield* filePieces(node, name, archive, options.fingerprint);
      else yield* archive.header(entryOf(node, name));
      if (keepsLinks && node.type !== "directory") names.set(node, name);
    }
  }
  yield* archive.end();
}

/** What a store's files are owned by, and their time. */
const STORE: Attributes = rootOwned(0o555);

/** With a stack of its own: folders may lie in one another thousands deep. */
function* walk(root: FolderNode): Generator<readonly [string, TreeNode]> {
  yield [".", root];
  const path = [childrenOf(root, ".")];
  for (let children = path.at(-1); children !== undefined; children = path.at(-1)) {
    const { done, value } = children.next();
    if (done === true) path.pop();
    else {
      yield value;
      const [name, node] = value;
      if (node.type === "directory") path.push(childrenOf(node, name));
    }
  }
}

function* childrenOf({ children }: FolderNode, name: string): Generator<[string, TreeNode], undefined> {
  for (const child of sortNames([...children.keys()])) {
    const node = children.get(child);
    if (node) yield [`${name}/${child}`, node];
  }
}

function hardLink(name: string, linkname: string, { mode }: Attributes): Entry {
  return { type: "hardlink", name, mode, size: 0, linkname };
}

function entryOf(node: Exclude<TreeNode, FileNode | StoreNode>, name: string): Entry {
  const { mode } = node.attributes;
  const { type } = node;
  if (type === "directory") return { type, name: `${name}/`, mode, size: 0, linkname: "" };
  if (type === "symlink") return { type, name, mode, size: 0, linkname: node.target };
  const { devmajor, devminor } = node;
  return { type, name, mode, size: 0, linkname: "", devmajor, devminor };
}

function* filePieces(
  { attributes: { mode }, body }: FileNode,
  name: string,
  archive: ArchiveWriter,
  fingerprint: Fingerprint,
): Generator<Uint8Array, void, void> {
  const entry = (size: number): Entry => ({ type: "file", name, mode, size, linkname: "" });
  if ("disk" in body) {
    const file = OpenFile.open(body.disk);
    try {
      fingerprint.add(file.stats);
      yield* archive.file(entry(file.stats.size), file);
    } finally {
      file.close();
    }
  } else if ("bytes" in body) {
    yield* archive.header(entry(body.bytes.length));
    if (body.bytes.length === 0) return;
    yield* archive.bytes(body.bytes);
    yield* archive.padding(body.bytes.length);
  } else {
    yield* archive.file(entry(body.size), new Part(body));
  }
}

async function* storePieces(
  { files }: StoreNode,
  name: string,
  archive: ArchiveWriter,
  { fingerprint, signal }: TreeTarOptions,
): BorrowedBytes {
  if ("disk" in files) {
    for (const piece of diskTreePieces({ disk: toByteString(files.disk), name }, archive, fingerprint)) {
      signal?.throwIfAborted();
      yield piece;
    }
  } else {
    fingerprint.addHash(files.narHash);
    yield* narTreePieces({ source: files, name }, archive, signal);
  }
}

/** A part of something larger, from its start. */
class Part implements FileBytes {
  readonly #body: Extract<Body, { readonly offset: number }>;
  #done = 0;

  constructor(body: Extract<Body, { readonly offset: number }>) {
    this.#body = body;
  }

  read(into: Buffer, at: number, length: number): number {
    const { source, offset } = this.#body;
    const got = source.read(into.subarray(at, at + length), length, offset + this.#done);
    if (got === 0) throw new LaminixError("ERR_ARCHIVE", "an archive became shorter while it was read");
    this.#done += got;
    return got;
  }

  requireUnchanged(): void {
    // An archive's bytes are checked as a whole where they have a digest.
  }
}

/** Encoders by what they put into every header: most entries of a tree share it with others. */
class Encoders {
  readonly #mtime: number;
  readonly #byKey = new Map<string, HeaderEncoder>();
  readonly #byAttributes = new WeakMap<Attributes, HeaderEncoder>();

  constructor(mtime: number) {
    this.#mtime = mtime;
  }

  for(attributes: Attributes): HeaderEncoder {
    let encoder = this.#byAttributes.get(attributes);
    if (!encoder) {
      const { uid, gid, uname, gname, mtime = this.#mtime, xattrs = [] } = attributes;
      const key = JSON.stringify([uid, gid, uname, gname, mtime, xattrs]);
      encoder = this.#byKey.get(key) ?? new HeaderEncoder({ uid, gid, uname, gname }, mtime, xattrs);
      // Archives may have a time for each file.
      if (this.#byKey.size > 1000) this.#byKey.clear();
      this.#byKey.set(key, encoder);
      this.#byAttributes.set(attributes, encoder);
    }
    return encoder;
  }
}
