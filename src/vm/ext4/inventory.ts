/** What a tree needs on a disk: a number for each of its nodes, and how many blocks. */
import { lstatSync } from "node:fs";
import { LaminixError } from "../../errors.js";
import { fsPath } from "../../bytes/byteString.js";
import { Pauses } from "../../files/pauses.js";
import { reading } from "../../files/walk.js";
import type { Body, FolderNode, OwnNode } from "../../tree/node.js";
import type { ListOptions } from "../../tree/listing.js";
import { plainNode } from "../../tree/storeFiles.js";
import { attributeBlock } from "./attributes.js";
import { folderBlocks } from "./folders.js";
import { leafCount } from "./extents.js";
import { BLOCK_SIZE, FAST_SYMLINK, FIRST_INODE, ROOT_INODE } from "./layout.js";

export interface Item {
  readonly node: OwnNode;
  readonly inode: number;
  /** The folder that it is in; its own for the root. */
  readonly parent: number;
  /** Bytes of a file, a folder or a link's target. */
  readonly size: number;
  /** Blocks of that. */
  readonly blocks: number;
  /** Blocks that tell where those are, where the inode has no room for it. */
  readonly extentBlocks: number;
  readonly attributes: Buffer | undefined;
  /** Of a folder: what is in it, in the order of the names. */
  readonly children: readonly (readonly [name: string, item: Item])[];
  links: number;
}

export interface Inventory {
  /** In the order of their numbers, the root first. */
  readonly items: readonly Item[];
  /** Blocks of all files together. */
  readonly blocks: number;
  /** The largest number of an inode. */
  readonly last: number;
}

/**
 * A node that is in the tree several times is one file of several names.
 * @throws {LaminixError} ERR_FILE_READ, ERR_FILE_CHANGED, ERR_UNSUPPORTED, and what listing a store path throws
 */
export async function inventoryOf(root: FolderNode, options: ListOptions): Promise<Inventory> {
  const items: Item[] = [];
  const known = new Map<OwnNode, Item>();
  const pauses = new Pauses(options.signal);
  let next = FIRST_INODE;
  let blocks = 0;

  const add = async (node: OwnNode, inode: number, parent: number): Promise<Item> => {
    if (pauses.isDue()) await pauses.take();
    const children: (readonly [string, Item])[] = [];
    const names = node.type === "directory" ? [...node.children.keys()].sort() : [];
    const tooLong = names.find((name) => name.length > MAX_NAME);
    if (tooLong !== undefined) throw tooLarge(`a name of ${String(tooLong.length)} bytes`);
    if (node.type === "symlink" && node.target.length >= BLOCK_SIZE)
      throw tooLarge(`a link with a target of ${String(node.target.length)} bytes`);
    const size =
      node.type === "directory"
        ? folderBlocks(names) * BLOCK_SIZE
        : node.type === "file"
          ? sizeOf(node.body)
          : node.type === "symlink"
            ? node.target.length
            : 0;
    const isInInode = node.type === "symlink" && size <= FAST_SYMLINK;
    const own = isInInode ? 0 : Math.ceil(size / BLOCK_SIZE);
    const item: Item = {
      ...{ node, inode, parent, size, children },
      blocks: own,
      extentBlocks: leafCount(own),
      attributes: attributeBlock(node.attributes.xattrs),
      links: node.type === "directory" ? 2 : 1,
    };
    items.push(item);
    blocks += own + item.extentBlocks + (item.attributes ? 1 : 0);
    if (node.type !== "directory") {
      known.set(node, item);
      return item;
    }
    for (const name of names) {
      let child = node.children.get(name);
      if (child?.type === "store") child = await plainNode(child, options);
      if (!child) continue;
      let one = known.get(child);
      if (one) one.links++;
      else one = await add(child, next++, inode);
      if (child.type === "directory") item.links++;
      children.push([name, one]);
    }
    return item;
  };
  await add(root, ROOT_INODE, ROOT_INODE);
  return { items, blocks, last: next - 1 };
}

/** Bytes of a name in Linux (NAME_MAX). */
const MAX_NAME = 255;

function tooLarge(what: string): LaminixError {
  return new LaminixError("ERR_UNSUPPORTED", `the image has ${what}, which no disk of Linux has room for`);
}

function sizeOf(body: Body): number {
  if ("bytes" in body) return body.bytes.length;
  if ("source" in body) return body.size;
  return reading(body.disk, () => lstatSync(fsPath(body.disk))).size;
}
