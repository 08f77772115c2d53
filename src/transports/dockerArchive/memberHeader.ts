/**
 * A member of one archive as it is written into another by Python's `tarfile`: everything kept, in PAX format. The
 * fields are taken from the header block itself, since tar-stream tells owners' names as text and large ids rounded.
 */
import type { Header } from "tar-stream";
import { toByteString } from "../../files/byteString.js";
import { type EntryType, HeaderEncoder, type PaxRecords } from "../../tar/header.js";

/** @param block the member's own header block */
export function canonicalHeader(block: Buffer, { name, linkname, type, size, pax }: Header): Buffer {
  const kept: PaxRecords = Object.entries((pax ?? {}) as Readonly<Record<string, string>>).map(
    ([keyword, value]) => [keyword, toByteString(value)],
  );
  const record = (keyword: string): string | undefined => kept.find(([key]) => key === keyword)?.[1];
  const number = (keyword: string, at: number, length: number): number => {
    const value = record(keyword);
    return value === undefined ? numberAt(block, at, length) : Number(value);
  };
  const entryType = entryTypes[type] ?? "file";
  const owner = {
    uid: number("uid", 108, 8),
    gid: number("gid", 116, 8),
    uname: record("uname") ?? textAt(block, 265, 32),
    gname: record("gname") ?? textAt(block, 297, 32),
  };
  const mtime = roundHalfEven(number("mtime", 136, 12));
  const encoded = new HeaderEncoder(owner, mtime).encode(
    {
      type: entryType,
      name: toByteString(entryType === "directory" && !name.endsWith("/") ? `${name}/` : name),
      mode: numberAt(block, 100, 8),
      size: entryType === "file" ? size : 0,
      // tar-stream has null for what is no link, whatever its types say.
      linkname: entryType === "symlink" || entryType === "hardlink" ? toByteString(linkname) : "",
    },
    kept,
  );
  return Buffer.from(encoded);
}

const entryTypes: Partial<Record<string, EntryType>> = {
  directory: "directory",
  symlink: "symlink",
  link: "hardlink",
};

function textAt(block: Buffer, at: number, length: number): string {
  const field = block.toString("latin1", at, at + length);
  const end = field.indexOf("\0");
  return end < 0 ? field : field.slice(0, end);
}

/** Octal, or GNU tar's base 256 for numbers that octal has no room for. */
function numberAt(block: Buffer, at: number, length: number): number {
  const first = block[at] ?? 0;
  if (first !== 0x80 && first !== 0xff) return Number.parseInt(textAt(block, at, length).trim() || "0", 8);
  let value = first === 0xff ? -1n : 0n;
  for (const byte of block.subarray(at + 1, at + length)) value = (value << 8n) | BigInt(byte);
  return Number(value);
}

/** Python's `round`. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
