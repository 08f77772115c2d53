/** Extended attributes, as an inode and a block of its own hold them. */
import { LaminixError } from "../../errors.js";
import type { PaxRecords } from "../../tar/header.js";
import { BLOCK_SIZE } from "./layout.js";

const MAGIC = 0xea020000;
const HEADER = 32;
const ENTRY = 16;
const KEYWORD = "SCHILY.xattr.";
/** What stands for the beginning of a name. Access control lists, which have another form on the disk, are not kept. */
const PREFIXES: readonly (readonly [index: number, prefix: string])[] = [
  [1, "user."],
  [4, "trusted."],
  [6, "security."],
];

interface Attribute {
  readonly index: number;
  readonly name: string;
  readonly value: Buffer;
}

/**
 * The block that holds the attributes that records stand for; `undefined` where there are none.
 * @throws {LaminixError} ERR_UNSUPPORTED where they are larger than a block
 */
export function attributeBlock(records: PaxRecords | undefined): Buffer | undefined {
  const attributes = (records ?? []).flatMap(([keyword, value]) => attributeOf(keyword, value));
  if (attributes.length === 0) return undefined;
  // The order in which the kernel looks for them.
  attributes.sort(
    (one, other) =>
      one.index - other.index || one.name.length - other.name.length || compare(one.name, other.name),
  );
  const block = Buffer.alloc(BLOCK_SIZE);
  block.writeUInt32LE(MAGIC, 0);
  block.writeUInt32LE(1, 4); // references
  block.writeUInt32LE(1, 8); // blocks
  let at = HEADER;
  let values = BLOCK_SIZE;
  let sum = 0;
  for (const { index, name, value } of attributes) {
    values -= rounded(value.length);
    if (at + ENTRY + rounded(name.length) + 4 > values) {
      throw new LaminixError(
        "ERR_UNSUPPORTED",
        "a file has more extended attributes than a disk has room for",
        {
          details: { size: attributes.reduce((all, each) => all + each.value.length, 0) },
        },
      );
    }
    value.copy(block, values);
    const hash = hashOf(name, block.subarray(values, values + rounded(value.length)));
    block.writeUInt8(name.length, at);
    block.writeUInt8(index, at + 1);
    block.writeUInt16LE(value.length === 0 ? 0 : values, at + 2);
    block.writeUInt32LE(value.length, at + 8);
    block.writeUInt32LE(hash, at + 12);
    block.write(name, at + ENTRY, "latin1");
    at += ENTRY + rounded(name.length);
    sum = (rotated(sum, 16) ^ hash) >>> 0;
  }
  block.writeUInt32LE(sum, 12);
  return block;
}

/**
 * The records that stand for attributes.
 * @param inInode whether they are in what an inode has room for, where values are counted from the first entry
 */
export function attributeRecords(bytes: Buffer, where: "inode" | "block"): [string, string][] {
  if (bytes.length < 8 || bytes.readUInt32LE(0) !== MAGIC) return [];
  const start = where === "inode" ? 4 : HEADER;
  const base = where === "inode" ? 4 : 0;
  const records: [string, string][] = [];
  for (let at = start; at + ENTRY <= bytes.length && bytes.readUInt32LE(at) !== 0;) {
    const length = bytes.readUInt8(at);
    const prefix = PREFIXES.find(([index]) => index === bytes.readUInt8(at + 1))?.[1];
    const value = base + bytes.readUInt16LE(at + 2);
    const size = bytes.readUInt32LE(at + 8);
    const name = bytes.toString("latin1", at + ENTRY, at + ENTRY + length);
    if (prefix !== undefined && value + size <= bytes.length)
      records.push([`${KEYWORD}${prefix}${name}`, bytes.toString("latin1", value, value + size)]);
    at += ENTRY + rounded(length);
  }
  return records;
}

function attributeOf(keyword: string, value: string): Attribute[] {
  const name = keyword.slice(KEYWORD.length);
  const [index, prefix] = PREFIXES.find(([, each]) => name.startsWith(each)) ?? [0, ""];
  return index === 0 ? [] : [{ index, name: name.slice(prefix.length), value: Buffer.from(value, "latin1") }];
}

function hashOf(name: string, value: Buffer): number {
  let hash = 0;
  for (let i = 0; i < name.length; i++) hash = (rotated(hash, 5) ^ name.charCodeAt(i)) >>> 0;
  for (let i = 0; i < value.length; i += 4) hash = (rotated(hash, 16) ^ value.readUInt32LE(i)) >>> 0;
  return hash;
}

function rotated(value: number, bits: number): number {
  return ((value << bits) | (value >>> (32 - bits))) >>> 0;
}

function rounded(length: number): number {
  return Math.ceil(length / 4) * 4;
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
