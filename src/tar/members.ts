/**
 * What a tar archive holds, header by header: bodies are skipped, not read. Formats: POSIX.1-2008 `pax` ("ustar
 * Interchange Format", "pax Extended Header"), GNU tar's manual ("Basic Tar Format": long names, base 256), and the
 * Unix version 7 header that both began with.
 *
 * tar-stream could tell the same, but it reads every body, takes PAX values for text and so damages extended
 * attributes, and rounds large ids.
 */
import { LaminixError } from "../errors.js";
import { decode } from "../files/byteString.js";
import type { RandomAccess } from "../files/randomAccess.js";
import { BLOCK, padded, type PaxRecords } from "./header.js";

export type MemberType = "file" | "directory" | "symlink" | "hardlink" | "character" | "block" | "fifo";

/** Names are byte strings, as the archive has them: long names and prefixes resolved, nothing normalised. */
export interface TarMember {
  readonly name: string;
  readonly type: MemberType;
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
  /** The records that hold for it, its own and the archive's. Values are byte strings. */
  readonly pax: PaxRecords;
  /** Where the body begins in the source. */
  readonly offset: number;
}

/** Bytes that a long name, or a block of PAX records, may have. */
const MAX_META = 1 << 20;
/** Bytes that are read at once: headers of small members lie close together. */
const WINDOW = 1 << 14;

/**
 * The members in the archive's order. It ends at a block of zeros, or where the source ends between two members.
 * @param name what the archive is called, for errors
 * @throws {LaminixError} ERR_ARCHIVE for what is damaged or cut off, ERR_UNSUPPORTED for sparse files and the other
 *   members that only GNU tar understands
 */
export function* tarMembers(source: RandomAccess, name: string): Generator<TarMember, void, void> {
  const reader = new HeaderReader(source, name);
  const global = new Map<string, string>();
  /** The archive's records, once for all members that have no others. */
  let shared: Records | undefined;
  let own: Map<string, string> | undefined;
  let longName: string | undefined;
  let longLink: string | undefined;
  for (let at = 0; at < source.size;) {
    const header = reader.headerAt(at);
    if (!header) break;
    const body = at + BLOCK;
    const flag = header.flag;
    if (flag in META) {
      const size = header.number(SIZE);
      const bytes = reader.meta(body, size);
      if (flag === "L") longName = upToNul(bytes);
      else if (flag === "K") longLink = upToNul(bytes);
      else {
        const records = reader.records(at, bytes);
        if (flag === "g") {
          for (const [keyword, value] of records) set(global, keyword, value);
          shared = undefined;
        } else own = new Map([...(own ?? []), ...records]);
        reader.requireFew(at, global, own);
      }
      at = body + padded(size);
      continue;
    }
    const records = own ? recordsIn(merged(global, own)) : (shared ??= recordsIn(global));
    const member = memberOf(reader, header, { ...records, longName, longLink, offset: body });
    own = longName = longLink = undefined;
    at = reader.end(body, member.size);
    yield member;
  }
  if (own !== undefined || longName !== undefined || longLink !== undefined) {
    throw reader.damaged(source.size, "it ends where a member should follow");
  }
}

/** Types that say something about the member after them; `X` is Solaris' `x`. */
const META = { L: true, K: true, x: true, X: true, g: true };
/** GNU tar's own: sparse files, folders with lists, parts of files on other volumes, labels of volumes. */
const GNU_ONLY = /^[SDMVN]$/;

const types: Partial<Record<string, MemberType>> = {
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

interface Records {
  readonly records: ReadonlyMap<string, string>;
  /** The same, in order. */
  readonly pax: PaxRecords;
  /** Whether they are those of a sparse file. */
  readonly sparse: boolean;
}

function recordsIn(records: ReadonlyMap<string, string>): Records {
  const sparse = [...records.keys()].some((keyword) => keyword.startsWith("GNU.sparse."));
  return { records, pax: [...records], sparse };
}

interface Surroundings extends Records {
  readonly longName: string | undefined;
  readonly longLink: string | undefined;
  readonly offset: number;
}

function memberOf(
  reader: HeaderReader,
  header: Header,
  { records, pax, sparse, longName, longLink, offset }: Surroundings,
): TarMember {
  const at = offset - BLOCK;
  const text = (keyword: string): string | undefined => {
    const value = records.get(keyword);
    if (value?.includes("\0")) throw reader.damaged(at, `its PAX ${keyword} has a zero in it`);
    return value;
  };
  const number = (where: Field): number => {
    const value = records.get(where.name);
    if (value === undefined) return header.number(where);
    const parsed = /^-?\d+(?:\.\d*)?$/.test(value) ? Number(value) : NaN;
    const isRight = where === MTIME ? Number.isFinite(parsed) : Number.isSafeInteger(parsed) && parsed >= 0;
    if (!isRight) throw reader.damaged(at, `its PAX ${where.name} is not a number that can be`);
    return parsed;
  };
  const name = longName ?? text("path") ?? header.name();
  if (sparse || GNU_ONLY.test(header.flag)) {
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

/** The archive's records, and a member's own in their place. */
function merged(
  global: ReadonlyMap<string, string>,
  own: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const records = new Map(global);
  for (const [keyword, value] of own) set(records, keyword, value);
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
  meta(at: number, size: number): string {
    if (size > MAX_META) throw this.damaged(at, `a name or its records have ${String(size)} bytes`);
    this.end(at, size);
    const bytes = Buffer.alloc(size);
    if (this.#fill(bytes, at) < size) throw this.damaged(at, "it is cut off");
    return bytes.toString("latin1");
  }

  /** Where a body ends with its padding. Some programs, `umoci insert` for one, leave out the last of it. */
  end(at: number, size: number): number {
    if (at + size <= this.#source.size) return at + padded(size);
    throw this.damaged(at, "it is cut off");
  }

  /** `LENGTH KEYWORD=VALUE\n`, one after the other; the length counts itself. */
  records(header: number, bytes: string): Map<string, string> {
    const records = new Map<string, string>();
    for (let at = 0; at < bytes.length;) {
      const space = bytes.indexOf(" ", at);
      const digits = bytes.slice(at, space < 0 ? at : Math.min(space, at + 8));
      const end = /^\d+$/.test(digits) ? at + Number(digits) : NaN;
      const equals = bytes.indexOf("=", space + 1);
      const isWhole =
        end <= bytes.length && equals > space + 1 && equals < end - 1 && bytes[end - 1] === "\n";
      // Some archives have zeros behind their records.
      if (!isWhole && at > 0 && /^\0+$/.test(bytes.slice(at))) break;
      if (!isWhole) throw this.damaged(header, "a PAX record is malformed");
      records.set(bytes.slice(space + 1, equals), bytes.slice(equals + 1, end - 1));
      at = end;
    }
    return records;
  }

  /** Each block is bounded, but there may be any number of them. */
  requireFew(header: number, ...kept: readonly (ReadonlyMap<string, string> | undefined)[]): void {
    for (const records of kept) {
      let size = 0;
      for (const [keyword, value] of records ?? []) size += keyword.length + value.length;
      if (size > MAX_META) throw this.damaged(header, "its PAX records are too large");
    }
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
