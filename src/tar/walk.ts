/** A file system tree as tar entries, in the canonical order. */
import { lstatSync, readdirSync, readlinkSync, type Stats } from "node:fs";
import { LaminixError } from "../errors.js";
import { decode, fsPath, sortNames } from "./byteString.js";
import type { Entry } from "./header.js";

/** Where a tree's files are, and what its names in the archive begin with. Both are byte strings. */
export interface TreeSource {
  readonly disk: string;
  readonly name: string;
}

/** An entry with the file it came from. */
export interface DiskEntry extends Entry {
  /** A byte string. */
  readonly disk: string;
  readonly stats: Stats;
}

/**
 * The tree's top and all below it, each folder before what it holds, names in code point order. A hard link is a
 * file like any other: whether a store is optimised must not change the bytes.
 */
export function* walk(source: TreeSource): Generator<DiskEntry> {
  const pending = [source];
  for (let next = pending.pop(); next; next = pending.pop()) {
    const entry = diskEntry(next);
    yield entry;
    if (entry.type !== "directory") continue;
    const { disk, name } = next;
    const children = sortNames(reading(disk, () => readdirSync(fsPath(disk), { encoding: "latin1" })));
    for (let i = children.length - 1; i >= 0; i--) {
      const child = children[i] ?? "";
      const inner = `${disk}/${child}`;
      pending.push({ disk: inner, name: name === disk ? inner : `${name}/${child}` });
    }
  }
}

function diskEntry({ disk, name }: TreeSource): DiskEntry {
  const stats = reading(disk, () => lstatSync(fsPath(disk)));
  const mode = stats.mode & 0o7777;
  const linkname = "";
  if (stats.isDirectory())
    return { type: "directory", name: `${name}/`, mode, size: 0, linkname, disk, stats };
  if (stats.isFile()) return { type: "file", name, mode, size: stats.size, linkname, disk, stats };
  if (stats.isSymbolicLink()) {
    const target = reading(disk, () => readlinkSync(fsPath(disk), { encoding: "latin1" }));
    return { type: "symlink", name, mode, size: 0, linkname: target, disk, stats };
  }
  throw new LaminixError("ERR_FILE_TYPE", `${decode(disk)} is neither a file, a folder nor a symbolic link`, {
    details: { path: decode(disk) },
    hint: "a store path can hold nothing else; `nix-store --verify --check-contents` finds what is damaged",
  });
}

/**
 * Runs a file system call.
 * @throws {LaminixError} ERR_FILE_CHANGED when the file has gone, ERR_FILE_READ for everything else
 */
export function reading<T>(disk: string, call: () => T): T {
  try {
    return call();
  } catch (cause) {
    const path = decode(disk);
    const { code = "unknown" } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP") throw changed(path, "it is gone", cause);
    throw new LaminixError("ERR_FILE_READ", `${path} cannot be read: ${code}`, { cause, details: { path } });
  }
}

export function changed(path: string, how: string, cause?: unknown): LaminixError {
  return new LaminixError("ERR_FILE_CHANGED", `${path} changed while it was read: ${how}`, {
    cause,
    details: { path },
    hint: "a store path must not change; `nix-store --verify-path` tells whether it is damaged",
  });
}
