/** Inodes: what a disk knows of a file but for its name. */
import type { OwnNode } from "../../tree/node.js";
import type { Item } from "./inventory.js";
import { BLOCK_SIZE, EXTENTS_FLAG, FAST_SYMLINK, FORMATS, INODE_SIZE } from "./layout.js";

/** Bytes of an inode that have names, beyond the first 128. */
const EXTRA = 32;
/** What an inode of 256 bytes keeps of a time: 34 bits of seconds. */
const MAX_TIME = 2 ** 34 - 2 ** 31 - 1;
/** Names that a folder can have before their number is no longer counted. */
const MAX_LINKS = 65_000;

export interface InodeParts {
  readonly item: Item;
  /** Of the file's blocks. */
  readonly extents: Buffer;
  /** The block of the extended attributes. */
  readonly attributes: number | undefined;
  /** Unix seconds. */
  readonly mtime: number;
}

export function writeInode(table: Buffer, { item, extents, attributes, mtime }: InodeParts): void {
  const { node, size, links } = item;
  const { mode, uid, gid } = node.attributes;
  const inode = table.subarray((item.inode - 1) * INODE_SIZE, item.inode * INODE_SIZE);
  inode.writeUInt16LE(FORMATS[node.type] | mode, 0);
  inode.writeUInt16LE(uid & 0xffff, 2);
  inode.writeUInt16LE(uid >>> 16, 120);
  inode.writeUInt16LE(gid & 0xffff, 24);
  inode.writeUInt16LE(gid >>> 16, 122);
  inode.writeUInt32LE(size % 2 ** 32, 4);
  inode.writeUInt32LE(Math.floor(size / 2 ** 32), 108);
  const time = Math.max(-(2 ** 31), Math.min(node.attributes.mtime ?? mtime, MAX_TIME));
  for (const [at, more] of TIMES) {
    inode.writeInt32LE(time | 0, at);
    inode.writeUInt32LE(Math.floor((time - (time | 0)) / 2 ** 32) & 3, more);
  }
  inode.writeUInt16LE(links > MAX_LINKS && node.type === "directory" ? 1 : links, 26);
  const blocks = item.blocks + item.extentBlocks + (attributes === undefined ? 0 : 1);
  inode.writeUInt32LE((blocks * BLOCK_SIZE) / 512, 28);
  inode.writeUInt16LE(EXTRA, 128);
  inode.writeUInt32LE(attributes ?? 0, 104);
  if (node.type === "symlink" && size <= FAST_SYMLINK) inode.write(node.target, 40, "latin1");
  else if ("devmajor" in node) {
    if (node.type !== "fifo") inode.writeUInt32LE(deviceNumber(node), 44);
  } else {
    inode.writeUInt32LE(EXTENTS_FLAG, 32);
    extents.copy(inode, 40);
  }
}

/** Access, change, modification, creation; and where two more bits of each are. */
const TIMES = [
  [8, 140],
  [12, 132],
  [16, 136],
  [144, 148],
] as const;

function deviceNumber({ devmajor, devminor }: Extract<OwnNode, { readonly devmajor: number }>): number {
  return ((devminor & 0xff) | (devmajor << 8) | ((devminor & ~0xff) << 12)) >>> 0;
}

export function deviceOf(number: number): { readonly devmajor: number; readonly devminor: number } {
  return { devmajor: (number >>> 8) & 0xfff, devminor: (number & 0xff) | ((number >>> 12) & 0xfff00) };
}
