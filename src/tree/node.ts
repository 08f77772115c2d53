/**
 * A file system tree as a value: what a layer's tar is made of, and what layers add up to. Names, targets and names of
 * owners are byte strings.
 */
import type { RandomAccess } from "../bytes/bytes.js";
import type { PathFiles } from "../nar/source.js";
import type { Owner, PaxRecords } from "../tar/header.js";

/** Shared by as many nodes as have the same, so they are never changed but replaced. */
export interface Attributes extends Owner {
  /** Permission bits, 0 to 0o7777. */
  readonly mode: number;
  /** Unix seconds; unless given, the time of the tar that the tree goes into. */
  readonly mtime?: number;
  /** Extended attributes, as the PAX records that stand for them. */
  readonly xattrs?: PaxRecords;
}

export interface FolderNode {
  readonly type: "directory";
  attributes: Attributes;
  readonly children: Map<string, TreeNode>;
}

export interface FileNode {
  readonly type: "file";
  attributes: Attributes;
  readonly body: Body;
}

export interface SymlinkNode {
  readonly type: "symlink";
  attributes: Attributes;
  readonly target: string;
}

/** A device, or a named pipe. */
export interface SpecialNode {
  readonly type: "character" | "block" | "fifo";
  attributes: Attributes;
  readonly devmajor: number;
  readonly devminor: number;
}

/** A store path's files, as they are in the store. */
export interface StoreNode {
  readonly type: "store";
  readonly files: PathFiles;
}

/** A node that has attributes of its own. */
export type OwnNode = FolderNode | FileNode | SymlinkNode | SpecialNode;
export type TreeNode = OwnNode | StoreNode;

/** Where a file's bytes are. */
export type Body =
  /** A file on this disk, all of it; its name is a byte string. */
  | { readonly disk: string }
  | { readonly bytes: Uint8Array }
  /** A part of something larger, such as an archive. */
  | { readonly source: RandomAccess; readonly offset: number; readonly size: number };

/** Root by number, as `tar --numeric-owner` has it: whatever root is called. */
export function rootOwned(mode: number): Attributes {
  return { mode, uid: 0, gid: 0, uname: "", gname: "" };
}

export const FOLDER = rootOwned(0o755);
export const LINK = rootOwned(0o777);

export function folderNode(attributes: Attributes = FOLDER): FolderNode {
  return { type: "directory", attributes, children: new Map() };
}

export function linkNode(target: string): SymlinkNode {
  return { type: "symlink", attributes: LINK, target };
}

/** The parts of a path in a tree, of whatever form: `./a/b/`, `/a//b`. `..` is a part like others. */
export function partsOf(path: string): string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}
