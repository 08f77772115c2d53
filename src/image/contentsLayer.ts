/**
 * The layer that makes an image's root out of store paths: their folders merged, and in them links to their files.
 * This is what nixpkgs' `symlinkJoin` makes with `lndir`: a link among the files is copied as it is, and what is there
 * already stays.
 */
import { createHash } from "node:crypto";
import { decode, sortNames, toByteString } from "../files/byteString.js";
import { requireNarHash } from "../nar/source.js";
import type { StorePath } from "../store/storePath.js";
import { archivePieces, PIECE } from "../tar/archive.js";
import { type Entry, HeaderEncoder } from "../tar/header.js";
import { hashOf, type Layer, type LayerDigest, type LayerOptions, type StorePathHash } from "./layer.js";
import { list, type Listed } from "./listing.js";
import type { Locate } from "./storeLayer.js";

/** Changes when the same contents would give other bytes than before. */
const FORMAT = 1;

/** Folders that lndir passes over, as it does everything whose name ends in `~`. */
const VERSION_CONTROL = new Set(["BitKeeper", "CVS", "CVS.adm", "RCS", "SCCS", ".git", ".hg", ".svn"]);

/** A link's target, or what a folder holds. Names and targets are byte strings. */
type Node = string | Folder;
type Folder = Map<string, Node>;

export interface ContentsLayerOptions {
  readonly contents: readonly StorePath[];
  /** Unix seconds. */
  readonly mtime: number;
  readonly locate: Locate;
  readonly narHash: (path: StorePath) => string | undefined;
  /** Hears of every file that is not in the image because something else is at its place. */
  readonly onConflict?: (path: string, kept: string) => void;
}

export class ContentsLayer implements Layer {
  readonly kind = "contents";
  readonly sources: readonly StorePath[];
  readonly contentKey: string | undefined;
  readonly #options: ContentsLayerOptions;
  #root: Promise<Folder> | undefined;
  #digest: LayerDigest | undefined;

  constructor(options: ContentsLayerOptions) {
    this.#options = options;
    this.sources = options.contents;
    this.contentKey = contentKeyOf(options);
  }

  async diffId(options: LayerOptions = {}): Promise<LayerDigest> {
    const root = await this.#join(options);
    if (!this.#digest) {
      const hash = createHash("sha256");
      let size = 0;
      for (const piece of this.#pieces(root)) {
        hash.update(piece);
        size += piece.length;
      }
      this.#digest = { diffId: `sha256:${hash.digest("hex")}`, size };
    }
    return this.#digest;
  }

  async *open(options: LayerOptions = {}): AsyncGenerator<Uint8Array> {
    yield* this.#pieces(await this.#join(options));
  }

  #join(options: LayerOptions): Promise<Folder> {
    if (!this.#root) {
      const root = join(this.#options, options);
      this.#root = root;
      root.catch(() => (this.#root = undefined)); // what was aborted may be asked for again
    }
    return this.#root;
  }

  #pieces(root: Folder): Generator<Buffer, void, void> {
    // Numbers only, as `tar --numeric-owner` has it: the layer belongs to root whatever root's name is.
    const encoder = new HeaderEncoder({ uid: 0, gid: 0, uname: "", gname: "" }, this.#options.mtime);
    const buffer = Buffer.allocUnsafeSlow(PIECE);
    return archivePieces(entriesOf(".", root), encoder, () => buffer);
  }
}

function* entriesOf(name: string, node: Node): Generator<Entry> {
  if (typeof node === "string") {
    yield { type: "symlink", name, mode: 0o777, size: 0, linkname: node };
    return;
  }
  yield { type: "directory", name: `${name}/`, mode: 0o755, size: 0, linkname: "" };
  for (const child of sortNames([...node.keys()]))
    yield* entriesOf(`${name}/${child}`, node.get(child) ?? "");
}

async function join(
  { contents, locate, narHash, onConflict }: ContentsLayerOptions,
  { signal }: LayerOptions,
): Promise<Folder> {
  const root: Folder = new Map();
  for (const path of contents) {
    signal?.throwIfAborted();
    const files = await locate(path);
    if (!("disk" in files)) requireNarHash(files, path, narHash(path));
    const top = await list(path, files, { signal });
    // A path that is a file has no place in the root; it is in the image as a store path only.
    if (top.type === "directory") merge(root, top, { store: toByteString(path), place: "" }, onConflict);
  }
  return root;
}

/** A folder's place, as a path in the store and as a path in the image. */
interface Place {
  readonly store: string;
  readonly place: string;
}

function merge(
  into: Folder,
  source: Listed & { readonly type: "directory" },
  { store, place }: Place,
  onConflict: ContentsLayerOptions["onConflict"],
): void {
  for (const [name, child] of source.children()) {
    const isFolder = child.type === "directory";
    if (name.endsWith("~") || (isFolder && VERSION_CONTROL.has(name))) continue;
    const there = into.get(name);
    const inner = { store: `${store}/${name}`, place: `${place}/${name}` };
    if (isFolder && typeof there !== "string") {
      const folder: Folder = there ?? new Map<string, Node>();
      into.set(name, folder);
      merge(folder, child, inner, onConflict);
      continue;
    }
    const target = child.type === "symlink" ? child.target : inner.store;
    if (there === undefined) into.set(name, target);
    else if (there !== target)
      onConflict?.(decode(inner.place), typeof there === "string" ? decode(there) : "a folder");
  }
}

function contentKeyOf({ contents, mtime, narHash }: ContentsLayerOptions): string | undefined {
  const hashes = contents.map((path): StorePathHash => ({ path, narHash: narHash(path) ?? "" }));
  if (hashes.some((each) => each.narHash === "")) return undefined;
  return hashOf(["contents", FORMAT, mtime, hashes]);
}
