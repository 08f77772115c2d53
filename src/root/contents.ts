/** What goes into an image's root, where it comes from, and the root that it is joined to, before any command has run. */
import { lstatSync } from "node:fs";
import { absolutePath } from "../files/home.js";
import { LaminixError, named } from "../errors.js";
import type { Piece } from "../spec/pieces/piece.js";
import { pieceTree } from "../spec/pieces/pieceTree.js";
import type { ContentsEntry } from "../spec/spec.js";
import { followed } from "../store/followed.js";
import { type StorePath, storeDirOf, toStorePath } from "../store/storePath.js";
import type { Owner } from "../tar/header.js";
import { graft } from "../tree/graft.js";
import { copyContents, LinkJoin, type OnConflict } from "../tree/join.js";
import { type FolderNode, folderNode } from "../tree/node.js";
import { type Locate, StorePlaces } from "./places.js";

export type Content =
  | { readonly kind: "store"; readonly path: StorePath }
  /** A folder on this disk that is not in the store; absolute. */
  | { readonly kind: "folder"; readonly path: string }
  | { readonly kind: "piece"; readonly piece: Piece };

/**
 * Anything inside a store path counts as that path, and so does a link to one, such as `./result`.
 * @throws {LaminixError} ERR_STORE_PATH; ERR_OUTSIDE_STORE for what is neither in the store nor a folder
 */
export function contentsOf(entries: readonly ContentsEntry[], storeDir: string): Content[] {
  return entries.map((entry) => {
    if (typeof entry !== "string") return { kind: "piece", piece: entry };
    const path = followed(entry, storeDir);
    if (path.startsWith(`${storeDir}/`)) return { kind: "store", path: toStorePath(path, storeDir) };
    return { kind: "folder", path: plainFolder(entry, storeDir) };
  });
}

export function storePathsOf(contents: readonly Content[]): StorePath[] {
  return contents.flatMap((content) => (content.kind === "store" ? [content.path] : []));
}

export interface RootContents {
  /** Linked to, where they are in the store. */
  readonly contents: readonly Content[];
  /** Copied. */
  readonly copies: readonly Content[];
  readonly links: "follow" | "keep";
  /** Of the copies. */
  readonly owner: Owner;
}

export interface JoinOptions {
  readonly storeDir: string;
  readonly locate: Locate;
  readonly narHash: (path: StorePath) => string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onConflict?: OnConflict | undefined;
  /** Is given what is to be closed when the tree is no longer read. */
  readonly adopt: (resource: Disposable) => void;
}

/** @throws {LaminixError} as `StorePlaces.folder` */
export async function joinContents(
  { contents, copies, links, owner }: RootContents,
  options: JoinOptions,
): Promise<FolderNode> {
  const { storeDir, onConflict, signal } = options;
  const root = folderNode();
  const inStore = (place: string): boolean => place.startsWith(`${storeDir}/`);
  // Bodies of files that are not on this disk are wanted only where they are copied.
  const linked = new StorePlaces({ ...options, adopt: undefined });
  const join = new LinkJoin({ places: linked, inStore, onConflict, signal });
  for (const content of contents) {
    if (content.kind === "piece") graft(root, pieceTree(content.piece), { keep: "first", onConflict });
    else await join.add(root, content.path);
  }
  const places = new StorePlaces(options);
  for (const content of copies) {
    if (content.kind === "piece") graft(root, pieceTree(content.piece), { keep: "last", onConflict });
    else await copyContents(root, content.path, { places, inStore, owner, links, onConflict, signal });
  }
  return root;
}

function plainFolder(path: string, storeDir: string): string {
  const folder = absolutePath(path);
  // The whole store is nothing that anybody wants copied.
  const hasStore = `${storeDir}/`.startsWith(folder === "/" ? folder : `${folder}/`);
  if (storeDirOf(folder) === undefined && !hasStore && isFolder(folder)) return folder;
  throw new LaminixError(
    "ERR_OUTSIDE_STORE",
    `${named(path)} is not in the Nix store ${storeDir}, and no folder outside of it`,
    {
      details: { path, storeDir },
      hint: `contents are store paths, such as ${storeDir}/<hash>-<name>, and folders`,
    },
  );
}

function isFolder(path: string): boolean {
  try {
    return lstatSync(path).isDirectory();
  } catch {
    return false;
  }
}
