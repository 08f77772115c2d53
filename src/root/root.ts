/** The root of an image as its contents make it, before any command has run. */
import type { StorePath } from "../store/storePath.js";
import type { Owner } from "../tar/header.js";
import { graft } from "../tree/graft.js";
import { copyContents, LinkJoin, type OnConflict } from "../tree/join.js";
import { type FolderNode, folderNode } from "../tree/node.js";
import { type Locate, StorePlaces } from "./places.js";
import { pieceTree } from "../spec/pieces/pieceTree.js";
import type { Content } from "./contents.js";

export interface RootParts {
  /** Linked to, where they are in the store. */
  readonly contents: readonly Content[];
  /** Copied. */
  readonly copies: readonly Content[];
  readonly links: "follow" | "keep";
  /** Of the copies. */
  readonly owner: Owner;
}

export interface RootOptions {
  readonly storeDir: string;
  readonly locate: Locate;
  readonly narHash: (path: StorePath) => string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onConflict?: OnConflict | undefined;
  /** Is given what is to be closed when the tree is no longer read. */
  readonly adopt: (resource: Disposable) => void;
}

/** @throws {LaminixError} as `Places.folder` */
export async function rootOf(
  { contents, copies, links, owner }: RootParts,
  options: RootOptions,
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
