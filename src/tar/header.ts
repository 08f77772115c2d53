/**
 * The canonical header: the bytes that Python's `tarfile` writes in PAX format, which is what nixpkgs' images are made
 * with. Format: POSIX.1-2008 `pax`, "ustar Interchange Format" and "pax Extended Header"; a PAX record is written only
 * where the ustar field cannot hold the value.
 */
import { decode, isAscii, isUtf8 } from "../bytes/byteString.js";
import {
  CHECKSUM,
  DEVMAJOR,
  DEVMINOR,
  type Field,
  GID,
  GNAME,
  LINKNAME,
  MAGIC,
  MODE,
  MTIME,
  NAME,
  SIZE,
  TYPE,
  UID,
  UNAME,
} from "./fields.js";

export const BLOCK = 512;

/** Who owns an entry. Names are byte strings. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
  readonly uname: string;
  readonly gname: string;
}

export type EntryType = "file" | "directory" | "symlink" | "hardlink" | "character" | "block" | "fifo";

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
  /** Of a device; both are below 8^7. */
  readonly devmajor?: number;
  readonly devminor?: number;
}

const typeFlag: Record<EntryType, number> = {
  file: 0x30,
  hardlink: 0x31,
  symlink: 0x32,
  character: 0x33,
  block: 0x34,
  directory: 0x35,
  fifo: 0x36,
};

/** Keywords and values, byte strings. */
export type PaxRecords = readonly (readonly [keyword: string, value: string])[];
type Records = [keyword: string, value: string][];

/** Encodes the headers of entries that share an owner and a modification time, as all of a layer do. */
export class HeaderEncoder {
  readonly #template = Buffer.alloc(BLOCK);
  readonly #templateSum: number;
  readonly #ownerRecords: Records = [];
  readonly #timeRecords: Records = [];
  readonly #sharedRoom: number;

  /**
   * @param mtime Unix seconds
   * @param records of extended attributes, say, that each entry is to have
   * @param deviceFields what the fields of a device's number hold of other entries: Go's programs write zeros
   */
  constructor(
    owner: Owner,
    mtime: number,
    records: PaxRecords = NO_RECORDS,
    deviceFields: "empty" | "zeros" = "empty",
  ) {
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
      sum += writeOctal(block, field.at, field.length, value);
      if (overflows(value, field)) this.#ownerRecords.push([keyword, String(value)]);
    }
    sum += writeOctal(block, MTIME.at, MTIME.length, mtime);
    if (overflows(mtime, MTIME)) this.#timeRecords.push(["mtime", String(mtime)]);
    if (deviceFields === "zeros")
      for (const { at, length } of [DEVMAJOR, DEVMINOR]) sum += writeOctal(block, at, length, 0);
    this.#templateSum = sum;
    this.#timeRecords.push(...records.map(([keyword, value]): Records[number] => [keyword, value]));
    this.#sharedRoom = roomForRecords([...this.#ownerRecords, ...this.#timeRecords]);
  }

  /** Bytes that the entry's header needs at the most. */
  roomFor(entry: Entry): number {
    return 4 * BLOCK + 2 * RECORD_ROOM + entry.name.length + entry.linkname.length + this.#sharedRoom;
  }

  /** Writes an entry's header, PAX blocks included, where there is room for it, and returns the position after it. */
  write(target: Buffer, at: number, entry: Entry): number {
    return this.#write(target, at, entry, NO_RECORDS);
  }

  /**
   * An entry's header, PAX blocks included.
   * @param kept PAX records of the archive that the entry comes from; they have priority
   */
  encode(entry: Entry, kept: PaxRecords = NO_RECORDS): Buffer {
    const target = Buffer.alloc(this.roomFor(entry) + roomForRecords(kept));
    return target.subarray(0, this.#write(target, 0, entry, kept));
  }

  #write(target: Buffer, at: number, entry: Entry, kept: PaxRecords): number {
    const { name, linkname, size } = entry;
    const longName = !fits(name, NAME);
    const longLink = linkname !== "" && !fits(linkname, LINKNAME);
    const large = overflows(size, SIZE);
    let block = at;
    if (
      longName ||
      longLink ||
      large ||
      this.#ownerRecords.length + this.#timeRecords.length + kept.length > 0
    ) {
      const needed: Records = [];
      if (longName) needed.push(["path", name]);
      if (longLink) needed.push(["linkpath", linkname]);
      needed.push(...this.#ownerRecords);
      if (large) needed.push(["size", String(size)]);
      needed.push(...this.#timeRecords);
      block = writePax(target, at, kept.length === 0 ? needed : withPriority(kept, needed));
    }

    target.set(this.#template, block);
    let sum = this.#templateSum;
    sum += writeBytes(target, block + NAME.at, longName ? asciiReplaced(name).slice(0, NAME.length) : name);
    sum += writeBytes(
      target,
      block + LINKNAME.at,
      longLink ? asciiReplaced(linkname).slice(0, LINKNAME.length) : linkname,
    );
    sum += writeOctal(target, block + MODE.at, MODE.length, entry.mode & 0o7777);
    sum += writeOctal(target, block + SIZE.at, SIZE.length, size);
    const flag = typeFlag[entry.type];
    target[block + TYPE] = flag;
    if (flag === typeFlag.character || flag === typeFlag.block) {
      sum += writeOctal(target, block + DEVMAJOR.at, DEVMAJOR.length, entry.devmajor ?? 0);
      sum += writeOctal(target, block + DEVMINOR.at, DEVMINOR.length, entry.devminor ?? 0);
    }
    writeChecksum(target, block, sum + flag);
    return block + BLOCK;
  }
}

const NO_RECORDS: PaxRecords = [];
/** Bytes of a record beside its value, at the most. */
const RECORD_ROOM = 64;

function roomForRecords(records: PaxRecords): number {
  return records.reduce((sum, [keyword, value]) => sum + RECORD_ROOM + keyword.length + value.length, 0);
}

function withPriority(kept: PaxRecords, needed: PaxRecords): PaxRecords {
  const keywords = new Set(kept.map(([keyword]) => keyword));
  return [...kept, ...needed.filter(([keyword]) => !keywords.has(keyword))];
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
function writeBytes(target: Buffer, at: number, bytes: string): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes.charCodeAt(i);
    target[at + i] = byte;
    sum += byte;
  }
  return sum;
}

function overflows(value: number, field: Field): boolean {
  return value < 0 || value >= 8 ** (field.length - 1);
}

/**
 * Writes an octal number, zero-padded and NUL-terminated, and returns the sum of its bytes; 0 for a number that the
 * field cannot hold.
 */
function writeOctal(target: Buffer, at: number, length: number, value: number): number {
  let rest = value < 0 || value >= 8 ** (length - 1) ? 0 : value;
  let sum = 0;
  for (let i = at + length - 2; i >= at; i--) {
    const next = Math.floor(rest / 8);
    const digit = 0x30 + (rest - next * 8);
    target[i] = digit;
    sum += digit;
    rest = next;
  }
  target[at + length - 1] = 0;
  return sum;
}

/** The checksum field is six octal digits, a NUL and a space. */
function writeChecksum(target: Buffer, block: number, sum: number): void {
  let rest = sum;
  for (let i = block + CHECKSUM.at + 5; i >= block + CHECKSUM.at; i--) {
    target[i] = 0x30 + (rest & 7);
    rest >>= 3;
  }
  target[block + CHECKSUM.at + 6] = 0;
  target[block + CHECKSUM.at + 7] = 0x20;
}

/** Writes an extended header: its own ustar block, then the records, padded to whole blocks. */
function writePax(target: Buffer, at: number, records: PaxRecords): number {
  let end = at + BLOCK;
  if (!records.every(([, value]) => isUtf8(value))) end = writeRecord(target, end, "hdrcharset", "BINARY");
  for (const [keyword, value] of records) end = writeRecord(target, end, keyword, value);
  const size = end - at - BLOCK;
  const next = at + BLOCK + padded(size);
  target.fill(0, end, next);
  target.set(paxTemplate, at);
  writeChecksum(target, at, paxTemplateSum + writeOctal(target, at + SIZE.at, SIZE.length, size));
  return next;
}

/** `LENGTH KEYWORD=VALUE\n`, the length counting itself. */
function writeRecord(target: Buffer, at: number, keyword: string, value: string): number {
  const rest = keyword.length + value.length + 3;
  let length = rest;
  while (rest + String(length).length !== length) length = rest + String(length).length;
  writeBytes(target, at, `${String(length)} ${keyword}=`);
  writeBytes(target, at + length - value.length - 1, value);
  target[at + length - 1] = 0x0a;
  return at + length;
}

const paxTemplate = Buffer.alloc(BLOCK);
const paxTemplateSum =
  8 * 0x20 +
  writeBytes(paxTemplate, NAME.at, "././@PaxHeader") +
  writeBytes(paxTemplate, MAGIC, "ustar\x0000") +
  writeBytes(paxTemplate, TYPE, "x") +
  [MODE, UID, GID, MTIME].reduce((sum, field) => sum + writeOctal(paxTemplate, field.at, field.length, 0), 0);

/** A size rounded up to whole blocks. */
export function padded(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}
