/** Folders on a disk: lists of names, none of which goes over the end of a block. */
import { LaminixError } from "../../errors.js";
import { BLOCK_SIZE, FILE_TYPES, type Format } from "./layout.js";

const HEADER = 8;

interface Name {
  readonly name: string;
  readonly inode: number;
  readonly format: Format;
}

/** How many blocks a folder with these names needs. */
export function folderBlocks(names: readonly string[]): number {
  let blocks = 1;
  let filled = 2 * lengthOf("..");
  for (const name of names) {
    const length = lengthOf(name);
    if (filled + length > BLOCK_SIZE) {
      blocks++;
      filled = 0;
    }
    filled += length;
  }
  return blocks;
}

/** @param names the folder itself and its parent first */
export function folderBytes(names: readonly Name[], blocks: number): Buffer {
  const bytes = Buffer.alloc(blocks * BLOCK_SIZE);
  let at = 0;
  let last = 0;
  for (const { name, inode, format } of names) {
    const length = lengthOf(name);
    const end = Math.ceil((at + 1) / BLOCK_SIZE) * BLOCK_SIZE;
    if (at % BLOCK_SIZE !== 0 && at + length > end) {
      bytes.writeUInt16LE(end - last, last + 4);
      at = end;
    }
    bytes.writeUInt32LE(inode, at);
    bytes.writeUInt16LE(length, at + 4);
    bytes.writeUInt8(name.length, at + 6);
    bytes.writeUInt8(FILE_TYPES[format], at + 7);
    bytes.write(name, at + HEADER, "latin1");
    last = at;
    at += length;
  }
  bytes.writeUInt16LE(bytes.length - last, last + 4);
  return bytes;
}

/** Names and inodes in a folder, without the folder itself and its parent. */
export function* namesIn(bytes: Buffer): Generator<readonly [name: string, inode: number]> {
  for (let at = 0; at + HEADER <= bytes.length;) {
    const inode = bytes.readUInt32LE(at);
    const length = bytes.readUInt16LE(at + 4);
    const name = bytes.toString("latin1", at + HEADER, at + HEADER + bytes.readUInt8(at + 6));
    if (length < HEADER || length % 4 !== 0)
      throw new LaminixError("ERR_MACHINE_DISK_DAMAGED", "the machine's disk has a folder that is damaged");
    if (inode !== 0 && name !== "." && name !== "..") yield [name, inode];
    at += length;
  }
}

function lengthOf(name: string): number {
  return HEADER + Math.ceil(name.length / 4) * 4;
}
