/** What a file system is found and filled by: the superblock, the descriptors of its groups, and their bitmaps. */
import { createHash } from "node:crypto";
import type { Inventory } from "./inventory.js";
import {
  BLOCK_SIZE,
  BLOCKS_PER_GROUP,
  COMPAT,
  DESCRIPTOR_SIZE,
  FIRST_INODE,
  type Geometry,
  INCOMPAT,
  INODE_SIZE,
  MAGIC,
  RO_COMPAT,
  SUPERBLOCK_AT,
} from "./layout.js";

export interface Piece {
  /** Where on the disk. */
  readonly at: number;
  readonly bytes: Buffer;
}

/** @param used blocks from the disk's start that hold something */
export function superstructure({ items, last }: Inventory, geometry: Geometry, used: number): Piece[] {
  const { blocks, groups, inodesPerGroup } = geometry;
  const folders = new Uint32Array(groups);
  for (const { node, inode } of items) {
    const group = Math.floor((inode - 1) / inodesPerGroup);
    if (node.type === "directory") folders[group] = (folders[group] ?? 0) + 1;
  }
  const descriptors = Buffer.alloc(groups * DESCRIPTOR_SIZE);
  const bitmaps = Buffer.alloc(2 * groups * BLOCK_SIZE);
  let [freeBlocks, freeInodes] = [0, 0];
  for (let group = 0; group < groups; group++) {
    const first = group * BLOCKS_PER_GROUP;
    const size = Math.min(BLOCKS_PER_GROUP, blocks - first);
    const full = within(used - first, size);
    const taken = within(last - group * inodesPerGroup, inodesPerGroup);
    const at = group * DESCRIPTOR_SIZE;
    descriptors.writeUInt32LE(geometry.blockBitmaps + group, at);
    descriptors.writeUInt32LE(geometry.inodeBitmaps + group, at + 4);
    descriptors.writeUInt32LE(geometry.inodeTables + group * geometry.inodeTableBlocks, at + 8);
    descriptors.writeUInt16LE(size - full, at + 12);
    descriptors.writeUInt16LE(inodesPerGroup - taken, at + 14);
    descriptors.writeUInt16LE(folders[group] ?? 0, at + 16);
    fillBitmap(bitmaps, group, full, size);
    fillBitmap(bitmaps, groups + group, taken, inodesPerGroup);
    freeBlocks += size - full;
    freeInodes += inodesPerGroup - taken;
  }
  const superblock = superblockOf(geometry, freeBlocks, freeInodes);
  return [
    { at: SUPERBLOCK_AT, bytes: superblock },
    { at: geometry.descriptors * BLOCK_SIZE, bytes: descriptors },
    { at: geometry.blockBitmaps * BLOCK_SIZE, bytes: bitmaps },
  ];
}

function superblockOf(
  { blocks, groups, inodesPerGroup }: Geometry,
  freeBlocks: number,
  freeInodes: number,
): Buffer {
  const block = Buffer.alloc(1024);
  const words: readonly (readonly [at: number, value: number])[] = [
    [0, groups * inodesPerGroup],
    [4, blocks],
    [12, freeBlocks],
    [16, freeInodes],
    [24, 2], // a block has 2 ** (10 + 2) bytes
    [28, 2],
    [32, BLOCKS_PER_GROUP],
    [36, BLOCKS_PER_GROUP],
    [40, inodesPerGroup],
    [76, 1], // the revision that has inodes of other sizes than 128
    [84, FIRST_INODE],
    [92, COMPAT.EXT_ATTR | COMPAT.DIR_INDEX | COMPAT.SPARSE_SUPER2],
    [96, INCOMPAT.FILETYPE | INCOMPAT.EXTENTS | INCOMPAT.FLEX_BG],
    [100, RO_COMPAT.LARGE_FILE | RO_COMPAT.DIR_NLINK | RO_COMPAT.EXTRA_ISIZE],
    [256, 0x4], // attributes of users
    [352, 2], // folders' hashes are of unsigned characters
  ];
  for (const [at, value] of words) block.writeUInt32LE(value, at);
  for (const [at, value] of [
    [54, 0xffff], // mounted as often as wanted
    [56, MAGIC],
    [58, 1], // clean
    [60, 1], // goes on where there are errors
    [88, INODE_SIZE],
    [348, 32],
    [350, 32],
  ] as const)
    block.writeUInt16LE(value, at);
  block.writeUInt8(1, 252); // folders are hashed by half MD4
  block.writeUInt8(4, 372); // 16 groups are filled together
  // What tells file systems apart, and what names are hashed with; the same for all that are alike.
  const hash = createHash("sha256")
    .update(`${String(blocks)} ${String(freeBlocks)}`)
    .digest();
  hash.copy(block, 104, 0, 16);
  hash.copy(block, 236, 16, 32);
  return block;
}

function within(count: number, most: number): number {
  return Math.max(0, Math.min(count, most));
}

/** The first `taken` bits are of what is taken, and those from `size` on of what is not there. */
function fillBitmap(bitmaps: Buffer, index: number, taken: number, size: number): void {
  const bitmap = bitmaps.subarray(index * BLOCK_SIZE, (index + 1) * BLOCK_SIZE);
  bitmap.fill(0xff, 0, taken >> 3);
  if (taken % 8 > 0) bitmap[taken >> 3] = (1 << (taken % 8)) - 1;
  for (let bit = size; bit % 8 > 0; bit++) bitmap[bit >> 3] = (bitmap[bit >> 3] ?? 0) | (1 << (bit % 8));
  bitmap.fill(0xff, Math.ceil(size / 8));
}
