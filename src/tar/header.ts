/**
 * The canonical header: the bytes that Python's `tarfile` writes in PAX format, which is what nixpkgs' images are made
 * with. Format: POSIX.1-2008 `pax`, "ustar Interchange Format" and "pax Extended Header"; a PAX record is written only
 * where the ustar field cannot hold the value.
 */
import { decode, isAscii, isUtf8 } from "./byteString.js";

export const BLOCK = 512;

/** Who owns an entry. Names are byte strings. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
  readonly uname: string;
  readonly gname: string;
}

export type EntryType = "file" | "directory" | "symlink" | "hardlink";

export interface Entry {
  readonly type: EntryType;
  /** A byte string; a directory's ends in `/`. */
  readonly name: string;
  /** Permission bits, 0 to 0o7777. */
  readonly mode: number;
  /** Bytes of the body; 0 for all but files. */
  readonly size: number;
  /** A byte string, empty for all but links. */
  readonly linkname: string;
}

const typeFlag: Record<EntryType, number> = { file: 0x30, hardlink: 0x31, symlink: 0x32, directory: 0x35 };

// Where ustar keeps its fields, and how many bytes they have.
const NAME = { at: 0, length: 100 };
const MODE = { at: 100, length: 8 };
const UID = { at: 108, length: 8 };
const GID = { at: 116, length: 8 };
const SIZE = { at: 124, length: 12 };
const MTIME = { at: 136, length: 12 };
const CHECKSUM = { at: 148, length: 8 };
const TYPE = 156;
const LINKNAME = { at: 157, length: 100 };
const MAGIC = 257;
const UNAME = { at: 265, length: 32 };
const GNAME = { at: 297, length: 32 };

interface Field {
  readonly at: number;
  readonly length: number;
}
/** Keywords and values, byte strings. */
export type PaxRecords = readonly (readonly [keyword: string, value: string])[];
type Records = [keyword: string, value: string][];

/** Encodes the headers of entries that share an owner and a modification time, as all of a layer do. */
export class HeaderEncoder {
  readonly #template = Buffer.alloc(BLOCK);
  readonly #templateSum: number;
  readonly #ownerRecords: Records = [];
  readonly #timeRecords: Records = [];
  readonly #block = Buffer.alloc(BLOCK);

  /** @param mtime Unix seconds */
  constructor(owner: Owner, mtime: number) {
    const block = this.#template;
    let sum = 8 * 0x20; // the checksum counts its own field as spaces
    sum += writeBytes(block, MAGIC, "ustar\x0000");
    for (const [field, keyword, value] of [
      [UNAME, "uname", owner.uname],
      [GNAME, "gname", owner.gname],
    ] as const) {
      if (!fits(value, field)) this.#ownerRecords.push([keyword, value]);
      sum += writeBytes(block, field.at, asciiReplaced(value).slice(0, field.length));
    }
    for (const [field, keyword, value] of [
      [UID, "uid", owner.uid],
      [GID, "gid", owner.gid],
    ] as const) {
      sum += writeOctal(block, field, value, this.#ownerRecords, keyword);
    }
    sum += writeOctal(block, MTIME, mtime, this.#timeRecords, "mtime");
    this.#templateSum = sum;
  }

  /**
   * The header of an entry, PAX blocks included. The bytes are good until the next call.
   * @param kept PAX records of the archive that the entry comes from; they have priority
   */
  encode(entry: Entry, kept: PaxRecords = []): Buffer {
    const block = this.#block;
    block.set(this.#template);
    let sum = this.#templateSum;
    const records: Records = [];

    if (entry.name.length > NAME.length || !isAscii(entry.name)) {
      records.push(["path", entry.name]);
      sum += writeBytes(block, NAME.at, asciiReplaced(entry.name).slice(0, NAME.length));
    } else {
      sum += writeBytes(block, NAME.at, entry.name);
    }
    if (entry.linkname !== "") {
      if (!fits(entry.linkname, LINKNAME)) records.push(["linkpath", entry.linkname]);
      sum += writeBytes(block, LINKNAME.at, asciiReplaced(entry.linkname).slice(0, LINKNAME.length));
    }
    sum += writeOctal(block, MODE, entry.mode & 0o7777);
    const nameRecords = records.length;
    sum += writeOctal(block, SIZE, entry.size, records, "size");
    block[TYPE] = typeFlag[entry.type];
    sum += typeFlag[entry.type];
    writeChecksum(block, sum);

    records.splice(nameRecords, 0, ...this.#ownerRecords);
    records.push(...this.#timeRecords);
    if (records.length + kept.length === 0) return block;
    const keywords = new Set(kept.map(([keyword]) => keyword));
    return Buffer.concat([
      paxBlocks([...kept, ...records.filter(([keyword]) => !keywords.has(keyword))]),
      block,
    ]);
  }
}

function fits(value: string, field: Field): boolean {
  return value.length <= field.length && isAscii(value);
}

/** What Python's "ascii" codec with errors="replace" makes of a name: a `?` for every character beyond ASCII. */
function asciiReplaced(bytes: string): string {
  return isAscii(bytes)
    ? bytes
    : Array.from(decode(bytes), (character) => (character > "\x7f" ? "?" : character)).join("");
}

/** Writes one byte a character and returns their sum. */
function writeBytes(block: Buffer, at: number, bytes: string): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes.charCodeAt(i);
    block[at + i] = byte;
    sum += byte;
  }
  return sum;
}

/**
 * Writes an octal number, zero-padded and NUL-terminated, and returns the sum of its bytes. A number that the field
 * cannot hold is written as 0 and goes into a record.
 */
function writeOctal(block: Buffer, field: Field, value: number, records?: Records, keyword?: string): number {
  let rest = value;
  if (value < 0 || value >= 8 ** (field.length - 1)) {
    if (records && keyword) records.push([keyword, String(value)]);
    rest = 0;
  }
  let sum = 0;
  for (let i = field.at + field.length - 2; i >= field.at; i--) {
    const next = Math.floor(rest / 8);
    const digit = 0x30 + (rest - next * 8);
    block[i] = digit;
    sum += digit;
    rest = next;
  }
  block[field.at + field.length - 1] = 0;
  return sum;
}

/** The checksum field is six octal digits, a NUL and a space. */
function writeChecksum(block: Buffer, sum: number): void {
  let rest = sum;
  for (let i = CHECKSUM.at + 5; i >= CHECKSUM.at; i--) {
    block[i] = 0x30 + (rest & 7);
    rest >>= 3;
  }
  block[CHECKSUM.at + 6] = 0;
  block[CHECKSUM.at + 7] = 0x20;
}

/** An extended header: its own ustar block, then the records, padded to whole blocks. */
function paxBlocks(records: PaxRecords): Buffer {
  const text = records.every(([, value]) => isUtf8(value))
    ? records
    : [["hdrcharset", "BINARY"] as const, ...records];
  const payload = Buffer.from(text.map(([keyword, value]) => paxRecord(keyword, value)).join(""), "latin1");
  const blocks = Buffer.alloc(BLOCK + padded(payload.length));
  const header = blocks.subarray(0, BLOCK);
  let sum =
    8 * 0x20 + writeBytes(header, NAME.at, "././@PaxHeader") + writeBytes(header, MAGIC, "ustar\x0000");
  for (const [field, value] of [
    [MODE, 0],
    [UID, 0],
    [GID, 0],
    [SIZE, payload.length],
    [MTIME, 0],
  ] as const) {
    sum += writeOctal(header, field, value);
  }
  sum += writeBytes(header, TYPE, "x");
  writeChecksum(header, sum);
  payload.copy(blocks, BLOCK);
  return blocks;
}

/** `LENGTH KEYWORD=VALUE\n`, the length counting itself. */
function paxRecord(keyword: string, value: string): string {
  const rest = keyword.length + value.length + 3;
  let length = rest;
  while (rest + String(length).length !== length) length = rest + String(length).length;
  return `${String(length)} ${keyword}=${value}\n`;
}

/** A size rounded up to whole blocks. */
export function padded(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}
