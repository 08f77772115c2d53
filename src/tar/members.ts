/**
 * What a tar archive holds, header by header: bodies are skipped, not read. Formats: POSIX.1-2008 `pax` ("ustar
 * Interchange Format", "pax Extended Header"), GNU tar's manual ("Basic Tar Format": long names, base 256), and the
 * Unix version 7 header that both began with.
 *
 * tar-stream could tell the same, but it reads every body, takes PAX values for text and so damages extended
 * attributes, and rounds large ids.
 */
import { LaminixError } from "../errors.js";
import { decode } from "../bytes/byteString.js";
import type { RandomAccess } from "../bytes/bytes.js";
import { BLOCK, type EntryType, padded, type PaxRecords } from "./header.js";
import { RECORD_ROOM, TarBudget } from "./tarBudget.js";

/** Names are byte strings, as the archive has them: long names and prefixes resolved, nothing normalised. */
export interface TarMember {
  readonly name: string;
  readonly type: EntryType;
  /** Empty for all but links. */
  readonly linkname: string;
  /** Permission bits, 0 to 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly uname: string;
  readonly gname: string;
  /** Unix seconds, with the fraction that a PAX record may have. */
  readonly mtime: number;
  /** Bytes of the body; 0 for all but files. */
  readonly size: number;
  /** 0 for all but devices. */
  readonly devmajor: number;
  readonly devminor: number;
  /** The records that hold for it. Members that have none of their own share them. */
  readonly pax: MemberRecords;
  /** Where the body begins in the source. */
  readonly offset: number;
}

/** Bytes that a long name, or a block of PAX records, may have; Linux has room for 64 KiB of names of attributes. */
const MAX_META = 1 << 20;
/** Records of a member. The shortest name that an attribute can have leaves room for fewer than this on Linux. */
const MAX_RECORDS = 10_000;
/** Records of the archive. Programs write one or two, if any. */
const MAX_ARCHIVE_RECORDS = 1000;
/** Headers that say something about one member: programs write up to four. */
const MAX_IN_A_ROW = 16;
const LINE_FEED = 0x0a;
/** Bytes that are read at once: headers of small members lie close together. */
const WINDOW = 1 << 14;

/**
 * The members in the archive's order. It ends at a block of zeros, or where the source ends between two members.
 * @param name what the archive is called, for errors
 * @param budget shared by archives that belong together; the archive's own unless given
 * @throws {LaminixError} ERR_ARCHIVE for what is damaged, cut off or more than the budget allows, ERR_UNSUPPORTED for
 *   sparse files and the other members that only GNU tar understands
 */
export function* tarMembers(
  source: RandomAccess,
  name: string,
  budget = new TarBudget(),
): Generator<TarMember, void, void> {
  const reader = new HeaderReader(source, name);
  let global = NONE;
  let own = NONE;
  /** For members that have no records of their own. */
  let shared = new MemberRecords(NONE, NONE);
  let longName: string | undefined;
  let longLink: string | undefined;
  let inARow = 0;
  for (let at = 0; at < source.size;) {
    const header = reader.headerAt(at);
    if (!header) break;
    const body = at + BLOCK;
    const flag = header.flag;
    if (flag in META) {
      if (++inARow > MAX_IN_A_ROW)
        throw reader.damaged(at, `more than ${String(MAX_IN_A_ROW)} extended headers before one member`);
      const size = header.number(SIZE);
      const bytes = reader.meta(body, size);
      if (flag === "L") longName = textBeforeNul(bytes);
      else if (flag === "K") longLink = textBeforeNul(bytes);
      else {
        const records = reader.records(at, bytes);
        if (flag === "g") {
          global = new Records(merged(new Map(global.list), records));
          shared = new MemberRecords(NONE, global);
          reader.requireFew(at, global, MAX_ARCHIVE_RECORDS);
          budget.takeText(roomOf(global.list), name);
        } else {
          own = new Records(new Map([...own.list, ...records]));
          reader.requireFew(at, own, MAX_RECORDS);
        }
      }
      at = body + padded(size);
      continue;
    }
    const pax = own === NONE ? shared : new MemberRecords(own, global);
    const member = memberOf(reader, header, { pax, longName, longLink, offset: body });
    budget.takeMember(name, member.name.length + member.linkname.length);
    own = NONE;
    longName = longLink = undefined;
    inARow = 0;
    at = reader.end(body, member.size);
    yield member;
  }
  if (own !== NONE || longName !== undefined || longLink !== undefined) {
    throw reader.damaged(source.size, "it ends where a member should follow");
  }
}

/** Types that say something about the member after them; `X` is Solaris' `x`. */
const META = { L: true, K: true, x: true, X: true, g: true };
/** GNU tar's own: sparse files, folders with lists, parts of files on other volumes, labels of volumes. */
const GNU_ONLY = /^[SDMVN]$/;

const types: Partial<Record<string, EntryType>> = {
  "1": "hardlink",
  "2": "symlink",
  "3": "character",
  "4": "block",
  "5": "directory",
  "6": "fifo",
};

interface Field {
  readonly at: number;
  readonly length: number;
  readonly name: string;
}
const field = (name: string, at: number, length: number): Field => ({ name, at, length });
const NAME = field("name", 0, 100);
const MODE = field("mode", 100, 8);
const UID = field("uid", 108, 8);
const GID = field("gid", 116, 8);
const SIZE = field("size", 124, 12);
const MTIME = field("mtime", 136, 12);
const CHECKSUM = field("checksum", 148, 8);
const LINKNAME = field("linkname", 157, 100);
const UNAME = field("uname", 265, 32);
const GNAME = field("gname", 297, 32);
const DEVMAJOR = field("devmajor", 329, 8);
const DEVMINOR = field("devminor", 337, 8);
const PREFIX = field("prefix", 345, 155);

/** PAX records of one header or of several. Keywords and values are byte strings. */
class Records {
  readonly list: PaxRecords;
  /** Those that stand for extended attributes. */
  readonly xattrs: PaxRecords;
  /** Whether they are those of a sparse file. */
  readonly sparse: boolean;
  /** Bytes. */
  readonly size: number;
  readonly #byKeyword: ReadonlyMap<string, string>;

  constructor(byKeyword: ReadonlyMap<string, string>) {
    this.#byKeyword = byKeyword;
    this.list = [...byKeyword];
    this.xattrs = this.list.filter(([keyword]) => keyword.startsWith("SCHILY.xattr."));
    this.sparse = this.list.some(([keyword]) => keyword.startsWith("GNU.sparse."));
    this.size = sizeOf(this.list);
  }

  get(keyword: string): string | undefined {
    return this.#byKeyword.get(keyword);
  }
}

const NONE = new Records(new Map());

/** The archive's records, and a member's own in their place. */
export class MemberRecords {
  readonly #own: Records;
  /** The same for all members between two changes of them. */
  readonly #archive: Records;

  constructor(own: Records, archive: Records) {
    this.#own = own;
    this.#archive = archive;
  }

  /** Put together when asked for: the archive may have many, and so many members that each should not have them too. */
  get all(): PaxRecords {
    const { list } = this.#archive;
    return this.#own.list.length === 0 ? list : [...merged(new Map(list), this.#own.list)];
  }

  /** Of all, those that stand for extended attributes. */
  get xattrs(): PaxRecords {
    const { xattrs } = this.#archive;
    if (this.#own.xattrs.length === 0) return xattrs;
    return xattrs.length === 0 ? this.#own.xattrs : [...new Map([...xattrs, ...this.#own.xattrs])];
  }

  get(keyword: string): string | undefined {
    const value = this.#own.get(keyword);
    return value === "" ? undefined : (value ?? this.#archive.get(keyword));
  }

  get sparse(): boolean {
    return this.#own.sparse || this.#archive.sparse;
  }

  /** Bytes of memory that the member's own take. */
  get room(): number {
    return roomOf(this.#own.list);
  }

  /** Bytes of memory that `xattrs` takes, which is the archive's own where there are no others. */
  get xattrRoom(): number {
    const { xattrs } = this.#own;
    return xattrs.length === 0 ? 0 : roomOf(xattrs) + this.#archive.xattrs.length * RECORD_ROOM;
  }
}

interface Surroundings {
  readonly pax: MemberRecords;
  readonly longName: string | undefined;
  readonly longLink: string | undefined;
  readonly offset: number;
}

function memberOf(
  reader: HeaderReader,
  header: Header,
  { pax, longName, longLink, offset }: Surroundings,
): TarMember {
  const at = offset - BLOCK;
  const text = (keyword: string): string | undefined => {
    const value = pax.get(keyword);
    if (value?.includes("\0")) throw reader.damaged(at, `its PAX ${keyword} has a zero in it`);
    return value;
  };
  const number = (where: Field): number => {
    const value = pax.get(where.name);
    if (value === undefined) return header.number(where);
    const parsed = /^-?\d+(?:\.\d*)?$/.test(value) ? Number(value) : NaN;
    const isRight = where === MTIME ? Number.isFinite(parsed) : Number.isSafeInteger(parsed) && parsed >= 0;
    if (!isRight) throw reader.damaged(at, `its PAX ${where.name} is not a number that can be`);
    return parsed;
  };
  const name = longName ?? text("path") ?? header.name();
  if (pax.sparse || GNU_ONLY.test(header.flag)) {
    throw new LaminixError(
      "ERR_UNSUPPORTED",
      `${reader.archive} has ${decode(name)}, which only GNU tar can read`,
      {
        details: { path: reader.archive, member: decode(name) },
        hint: "make the archive without --sparse, --incremental, --multi-volume and --label",
      },
    );
  }
  const isFolder = header.flag === "\0" && name.endsWith("/"); // before there was a type for folders
  const type = isFolder ? "directory" : (types[header.flag] ?? "file");
  const isLink = type === "symlink" || type === "hardlink";
  const isDevice = type === "character" || type === "block";
  return {
    name,
    type,
    linkname: isLink ? (longLink ?? text("linkpath") ?? header.text(LINKNAME)) : "",
    mode: header.number(MODE) & 0o7777,
    uid: number(UID),
    gid: number(GID),
    uname: text("uname") ?? header.owner(UNAME),
    gname: text("gname") ?? header.owner(GNAME),
    mtime: number(MTIME),
    size: type === "file" ? number(SIZE) : 0,
    devmajor: isDevice ? header.number(DEVMAJOR) : 0,
    devminor: isDevice ? header.number(DEVMINOR) : 0,
    pax,
    offset,
  };
}

function sizeOf(records: PaxRecords): number {
  return records.reduce((size, [keyword, value]) => size + keyword.length + value.length, 0);
}

function roomOf(records: PaxRecords): number {
  return records.length === 0 ? 0 : sizeOf(records) + records.length * RECORD_ROOM;
}

/** Records, and later ones in their place. */
function merged(
  records: Map<string, string>,
  later: Iterable<readonly [string, string]>,
): Map<string, string> {
  for (const [keyword, value] of later) set(records, keyword, value);
  return records;
}

/** An empty value takes a record away; only an extended attribute may really be empty. */
function set(records: Map<string, string>, keyword: string, value: string): void {
  if (value !== "" || keyword.includes(".xattr.")) records.set(keyword, value);
  else records.delete(keyword);
}

class HeaderReader {
  readonly archive: string;
  readonly #source: RandomAccess;
  readonly #window = Buffer.allocUnsafe(WINDOW);
  #start = 0;
  #length = 0;

  constructor(source: RandomAccess, archive: string) {
    this.#source = source;
    this.archive = archive;
  }

  /** `undefined` for a block of zeros. */
  headerAt(at: number): Header | undefined {
    if (at < this.#start || at + BLOCK > this.#start + this.#length) {
      this.#start = at;
      this.#length = this.#fill(this.#window, at);
      if (this.#length < BLOCK) throw this.damaged(at, "it is cut off");
    }
    const block = this.#window.subarray(at - this.#start, at - this.#start + BLOCK);
    const sums = checksums(block);
    if (sums.unsigned === 8 * 0x20 && block.every((byte) => byte === 0)) return undefined;
    const header = new Header(block, (why) => this.damaged(at, why));
    const stored = header.number(CHECKSUM);
    if (stored !== sums.unsigned && stored !== sums.signed) {
      throw this.damaged(at, "the checksum of a header does not match");
    }
    return header;
  }

  /** The body of a member that says something about the one after it. */
  meta(at: number, size: number): Buffer {
    if (size > MAX_META)
      throw this.damaged(at, `a name or its records have ${size} bytes, where ${MAX_META} are allowed`);
    this.end(at, size);
    const bytes = Buffer.alloc(size);
    if (this.#fill(bytes, at) < size) throw this.damaged(at, "it is cut off");
    return bytes;
  }

  /** Where a body ends with its padding. Some programs, `umoci insert` for one, leave out the last of it. */
  end(at: number, size: number): number {
    if (at + size <= this.#source.size) return at + padded(size);
    throw this.damaged(at, "it is cut off");
  }

  /** `LENGTH KEYWORD=VALUE\n`, one after the other; the length counts itself. */
  records(header: number, bytes: Buffer): Map<string, string> {
    const records = new Map<string, string>();
    for (let at = 0; at < bytes.length;) {
      const space = bytes.indexOf(" ", at);
      const digits = space < 0 ? "" : bytes.toString("latin1", at, Math.min(space, at + 8));
      const end = /^\d+$/.test(digits) ? at + Number(digits) : NaN;
      const equals = bytes.indexOf("=", space + 1);
      const isWhole =
        end <= bytes.length && equals > space + 1 && equals < end - 1 && bytes[end - 1] === LINE_FEED;
      // Some archives have zeros behind their records.
      if (!isWhole && at > 0 && bytes.subarray(at).every((byte) => byte === 0)) break;
      if (!isWhole) throw this.damaged(header, "a PAX record is malformed");
      records.set(bytes.toString("latin1", space + 1, equals), bytes.toString("latin1", equals + 1, end - 1));
      at = end;
    }
    return records;
  }

  /** Each block is bounded, but several may add to one another. */
  requireFew(header: number, { list, size }: Records, most: number): void {
    if (list.length > most)
      throw this.damaged(header, `it has ${list.length} PAX records in one place, where ${most} are allowed`);
    if (size > MAX_META) throw this.damaged(header, "its PAX records are too large");
  }

  damaged(offset: number, why: string): LaminixError {
    return new LaminixError("ERR_ARCHIVE", `${this.archive} is not a tar archive that can be read: ${why}`, {
      details: { path: this.archive, offset },
    });
  }

  #fill(target: Buffer, position: number): number {
    let filled = 0;
    while (filled < target.length) {
      const room = target.subarray(filled);
      const got = this.#source.read(room, room.length, position + filled);
      if (got === 0) break;
      filled += got;
    }
    return filled;
  }
}

/** A header's fields. It is good until the next one is read. */
class Header {
  readonly flag: string;
  readonly #block: Buffer;
  readonly #damaged: (why: string) => LaminixError;

  constructor(block: Buffer, damaged: (why: string) => LaminixError) {
    this.#block = block;
    this.#damaged = damaged;
    this.flag = String.fromCharCode(block[156] ?? 0);
  }

  text({ at, length }: Pick<Field, "at" | "length">): string {
    return upToNul(this.#block.toString("latin1", at, at + length));
  }

  name(): string {
    const name = this.text(NAME);
    if (this.#magic() !== "ustar\0") return name;
    // Schilling's star has times where ustar's prefix ends.
    const isStar = this.#block.toString("latin1", 508, 512) === "tar\0";
    const prefix = this.text({ ...PREFIX, length: isStar ? 131 : PREFIX.length });
    return prefix === "" ? name : `${prefix}/${name}`;
  }

  owner(field: Field): string {
    return this.#magic().startsWith("ustar") ? this.text(field) : "";
  }

  /** Octal, or base 256 for numbers that octal has no room for. Only times may be negative. */
  number(field: Field): number {
    const { at, length, name } = field;
    const first = this.#block[at] ?? 0;
    if ((first & 0x80) === 0) {
      const digits = this.text(field).trim();
      if (/^[0-7]*$/.test(digits)) return digits === "" ? 0 : Number.parseInt(digits, 8);
      throw this.#damaged(`the ${name} of a member is not a number`);
    }
    let value = (first & 0x40) === 0 ? BigInt(first & 0x3f) : BigInt(first) - 0x100n;
    for (const byte of this.#block.subarray(at + 1, at + length)) value = value * 256n + BigInt(byte);
    const number = Number(value);
    if (Number.isSafeInteger(number) && (number >= 0 || field === MTIME)) return number;
    throw this.#damaged(`the ${name} of a member is out of bounds`);
  }

  #magic(): string {
    return this.#block.toString("latin1", 257, 263);
  }
}

/** A copy: a part of a longer string would keep all of it. */
function textBeforeNul(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString("latin1", 0, end < 0 ? bytes.length : end);
}

function upToNul(bytes: string): string {
  const end = bytes.indexOf("\0");
  return end < 0 ? bytes : bytes.slice(0, end);
}

/** The sum of a header's bytes, its own field counted as spaces; some old programs took bytes as signed. */
function checksums(block: Buffer): { readonly unsigned: number; readonly signed: number } {
  let unsigned = 8 * 0x20;
  let large = 0;
  for (let i = 0; i < BLOCK; i++) {
    if (i >= CHECKSUM.at && i < CHECKSUM.at + CHECKSUM.length) continue;
    const byte = block[i] ?? 0;
    unsigned += byte;
    if (byte >= 0x80) large++;
  }
  return { unsigned, signed: unsigned - 256 * large };
}
