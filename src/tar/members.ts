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
import {
  DEVMAJOR,
  DEVMINOR,
  type Field,
  GID,
  GNAME,
  LINKNAME,
  MODE,
  MTIME,
  SIZE,
  UID,
  UNAME,
} from "./fields.js";
import { BLOCK, type EntryType, padded } from "./header.js";
import { type Header, HeaderReader } from "./headerReader.js";
import { MemberRecords, merged, NONE, Records, roomOf } from "./paxRecords.js";
import { TarBudget } from "./tarBudget.js";

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

/** Records of a member. The shortest name that an attribute can have leaves room for fewer than this on Linux. */
const MAX_RECORDS = 10_000;
/** Records of the archive. Programs write one or two, if any. */
const MAX_ARCHIVE_RECORDS = 1000;
/** Headers that say something about one member: programs write up to four. */
const MAX_IN_A_ROW = 16;

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

/** A copy: a part of a longer string would keep all of it. */
function textBeforeNul(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString("latin1", 0, end < 0 ? bytes.length : end);
}
