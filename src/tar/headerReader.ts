/** The headers of a tar archive, read field by field. */
import { LaminixError } from "../errors.js";
import type { RandomAccess } from "../bytes/bytes.js";
import { CHECKSUM, type Field, MAGIC, MTIME, NAME, PREFIX, TYPE } from "./fields.js";
import { BLOCK, padded } from "./header.js";
import type { Records } from "./paxRecords.js";

/** Bytes that a long name, or a block of PAX records, may have; Linux has room for 64 KiB of names of attributes. */
const MAX_META = 1 << 20;
const LINE_FEED = 0x0a;
/** Bytes that are read at once: headers of small members lie close together. */
const WINDOW = 1 << 14;

export class HeaderReader {
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
export class Header {
  readonly flag: string;
  readonly #block: Buffer;
  readonly #damaged: (why: string) => LaminixError;

  constructor(block: Buffer, damaged: (why: string) => LaminixError) {
    this.#block = block;
    this.#damaged = damaged;
    this.flag = String.fromCharCode(block[TYPE] ?? 0);
  }

  text({ at, length }: Field): string {
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
    return this.#block.toString("latin1", MAGIC, MAGIC + 6);
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
