/** PAX records as a reader keeps them: those of the archive, and each member's own in their place. */
import type { PaxRecords } from "./header.js";
import { RECORD_ROOM } from "./tarBudget.js";

/** PAX records of one header or of several. Keywords and values are byte strings. */
export class Records {
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

export const NONE = new Records(new Map());

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

function sizeOf(records: PaxRecords): number {
  return records.reduce((size, [keyword, value]) => size + keyword.length + value.length, 0);
}

export function roomOf(records: PaxRecords): number {
  return records.length === 0 ? 0 : sizeOf(records) + records.length * RECORD_ROOM;
}

/** Records, and later ones in their place. */
export function merged(
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
