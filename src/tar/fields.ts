/** The fields of a header (POSIX.1-2008 `pax`, "ustar Interchange Format"). */

export interface Field {
  /** As PAX records and errors call it. */
  readonly name: string;
  readonly at: number;
  readonly length: number;
}

const field = (name: string, at: number, length: number): Field => ({ name, at, length });
export const NAME = field("name", 0, 100);
export const MODE = field("mode", 100, 8);
export const UID = field("uid", 108, 8);
export const GID = field("gid", 116, 8);
export const SIZE = field("size", 124, 12);
export const MTIME = field("mtime", 136, 12);
export const CHECKSUM = field("checksum", 148, 8);
export const TYPE = 156;
export const LINKNAME = field("linkname", 157, 100);
export const MAGIC = 257;
export const UNAME = field("uname", 265, 32);
export const GNAME = field("gname", 297, 32);
export const DEVMAJOR = field("devmajor", 329, 8);
export const DEVMINOR = field("devminor", 337, 8);
export const PREFIX = field("prefix", 345, 155);
