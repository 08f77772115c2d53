/**
 * The layer that makes an image's root out of store paths: their folders merged, and in them links to their files.
 * This is what nixpkgs' `symlinkJoin` makes with `lndir`: a link among the files is copied as it is, and what is there
 * already stays.
 */
import { createHash } from "node:crypto";
import { readdirSync, readlinkSync, statSync } from "node:fs";
import type { StorePath } from "../store/storePath.js";
import { archivePieces, PIECE } from "../tar/archive.js";
import { decode, fsPath, sortNames, toByteString } from "../files/byteString.js";
import { type Entry, HeaderEncoder } from "../tar/header.js";
import { reading } from "../files/walk.js";
import { hashOf, type Layer, type LayerDigest, type StorePathHash } from "./layer.js";

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
  readonly locate: (path: StorePath) => string;
  readonly narHash: (path: StorePath) => string | undefined;
  /** Hears of every file that is not in the image because something else is at its place. */
  readonly onConflict?: (path: string, kept: string) => void;
}

export class ContentsLayer implements Layer {
  readonly kind = "contents";
  readonly sources: readonly StorePath[];
  readonly contentKey: string | undefined;
  readonly #options: ContentsLayerOptions;
  #root: Folder | undefined;
  #digest: LayerDigest | undefined;

  constructor(options: ContentsLayerOptions) {
    this.#options = options;
    this.sources = options.contents;
    this.contentKey = contentKeyOf(options);
  }

  diffId(): Promise<LayerDigest> {
    if (!this.#digest) {
      const hash = createHash("sha256");
      let size = 0;
      for (const piece of this.#pieces()) {
        hash.update(piece);
        size += piece.length;
      }
      this.#digest = { diffId: `sha256:${hash.digest("hex")}`, size };
    }
    return Promise.resolve(this.#digest);
  }

  async *open(): AsyncGenerator<Uint8Array> {
    await Promise.resolve();
    yield* this.#pieces();
  }

  #pieces(): Generator<Buffer, void, void> {
    this.#root ??= join(this.#options);
    // Numbers only, as `tar --numeric-owner` has it: the layer belongs to root whatever root's name is.
    const encoder = new HeaderEncoder({ uid: 0, gid: 0, uname: "", gname: "" }, this.#options.mtime);
    const buffer = Buffer.allocUnsafeSlow(PIECE);
    return archivePieces(entriesOf(".", this.#root), encoder, () => buffer);
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

function join({ contents, locate, onConflict }: ContentsLayerOptions): Folder {
  const root: Folder = new Map();
  for (const path of contents) {
    const disk = toByteString(locate(path));
    // A path that is a file has no place in the root; it is in the image as a store path only.
    if (!reading(disk, () => statSync(fsPath(disk))).isDirectory()) continue;
    merge(root, { disk, store: path, place: "" }, onConflict);
  }
  return root;
}

interface Source {
  readonly disk: string;
  /** The same place as a path in the store. */
  readonly store: string;
  /** The same place as a path in the image. */
  readonly place: string;
}

function merge(into: Folder, source: Source, onConflict: ContentsLayerOptions["onConflict"]): void {
  const { disk } = source;
  const children = reading(disk, () =>
    readdirSync(fsPath(disk), { encoding: "latin1", withFileTypes: true }),
  );
  for (const { name, ...child } of children.map((each) => ({
    name: each.name,
    isFolder: each.isDirectory(),
    isLink: each.isSymbolicLink(),
  }))) {
    if (name.endsWith("~") || (child.isFolder && VERSION_CONTROL.has(name))) continue;
    const there = into.get(name);
    const inner = {
      disk: `${disk}/${name}`,
      store: `${source.store}/${name}`,
      place: `${source.place}/${name}`,
    };
    if (child.isFolder && (there === undefined || typeof there !== "string")) {
      const folder: Folder = there ?? new Map<string, Node>();
      into.set(name, folder);
      merge(folder, inner, onConflict);
      continue;
    }
    const target = child.isLink
      ? reading(inner.disk, () => readlinkSync(fsPath(inner.disk), { encoding: "latin1" }))
      : inner.store;
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
