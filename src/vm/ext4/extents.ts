/** Where a file's blocks are: runs of them, in the inode, or in blocks that the inode tells of. */
import { LaminixError } from "../../errors.js";
import { BLOCK_EXTENTS, BLOCK_SIZE, EXTENT_MAGIC, INODE_EXTENTS, MAX_EXTENT } from "./layout.js";

export interface Extent {
  /** The first block's place in the file. */
  readonly logical: number;
  /** The same on the disk. */
  readonly physical: number;
  readonly length: number;
}

const HEADER = 12;
const ENTRY = 12;
const MAX_DEPTH = 5;

/** Extents of blocks that are all in one row. */
export function extentsOf(start: number, blocks: number): Extent[] {
  return Array.from({ length: Math.ceil(blocks / MAX_EXTENT) }, (_, i) => ({
    logical: i * MAX_EXTENT,
    physical: start + i * MAX_EXTENT,
    length: Math.min(MAX_EXTENT, blocks - i * MAX_EXTENT),
  }));
}

/** Blocks for extents that an inode has no room for. */
export function leafCount(blocks: number): number {
  const extents = Math.ceil(blocks / MAX_EXTENT);
  return extents > INODE_EXTENTS ? Math.ceil(extents / BLOCK_EXTENTS) : 0;
}

/**
 * What goes into the inode.
 * @param put writes a block, and tells its place
 */
export function extentTree(extents: readonly Extent[], put: (block: Buffer) => number): Buffer {
  const inInode = Buffer.alloc(HEADER + INODE_EXTENTS * ENTRY);
  if (extents.length <= INODE_EXTENTS) {
    writeNode(inInode, 0, INODE_EXTENTS, extents);
    return inInode;
  }
  const leaves: Extent[] = [];
  for (let i = 0; i < extents.length; i += BLOCK_EXTENTS) {
    const part = extents.slice(i, i + BLOCK_EXTENTS);
    const block = Buffer.alloc(BLOCK_SIZE);
    writeNode(block, 0, BLOCK_EXTENTS, part);
    leaves.push({ logical: part[0]?.logical ?? 0, physical: put(block), length: 0 });
  }
  if (leaves.length > INODE_EXTENTS)
    throw new LaminixError("ERR_UNSUPPORTED", "a file is larger than the virtual machine's disk can hold");
  writeNode(inInode, 1, INODE_EXTENTS, leaves);
  return inInode;
}

function writeNode(bytes: Buffer, depth: number, room: number, entries: readonly Extent[]): void {
  bytes.writeUInt16LE(EXTENT_MAGIC, 0);
  bytes.writeUInt16LE(entries.length, 2);
  bytes.writeUInt16LE(room, 4);
  bytes.writeUInt16LE(depth, 6);
  for (const [i, { logical, physical, length }] of entries.entries()) {
    const at = HEADER + i * ENTRY;
    bytes.writeUInt32LE(logical, at);
    if (depth === 0) {
      bytes.writeUInt16LE(length, at + 4);
      bytes.writeUInt32LE(physical, at + 8);
    } else bytes.writeUInt32LE(physical, at + 4);
  }
}

/**
 * The extents that a node tells of; those that stand for zeros are left out, as holes are.
 * @param read gives a block
 * @throws {LaminixError} ERR_MACHINE_DISK_DAMAGED
 */
export function readExtents(node: Buffer, read: (block: number) => Buffer, depth = MAX_DEPTH): Extent[] {
  const entries = node.readUInt16LE(2);
  const own = node.readUInt16LE(6);
  if (node.readUInt16LE(0) !== EXTENT_MAGIC || HEADER + entries * ENTRY > node.length || own > depth) {
    throw new LaminixError("ERR_MACHINE_DISK_DAMAGED", "a file on the virtual machine's disk is damaged");
  }
  const extents: Extent[] = [];
  for (let at = HEADER; at < HEADER + entries * ENTRY; at += ENTRY) {
    if (own > 0) {
      extents.push(...readExtents(read(node.readUInt32LE(at + 4)), read, own - 1));
      continue;
    }
    const length = node.readUInt16LE(at + 4);
    if (length <= MAX_EXTENT)
      extents.push({ logical: node.readUInt32LE(at), physical: node.readUInt32LE(at + 8), length });
  }
  return extents;
}
