/** A file system tree, from its top down. */
import { lstatSync, readdirSync } from "node:fs";
import { LaminixError } from "../errors.js";
import { type CompareNames, decode, fsPath } from "../bytes/byteString.js";

/** Where a tree's files are, and what it is called where it goes. Both are byte strings. */
export interface TreeSource {
  readonly disk: string;
  readonly name: string;
}

export type DiskType = "file" | "directory" | "symlink";

/** A place in a tree. Both names are byte strings; a folder's has no slash at its end. */
export interface DiskNode extends TreeSource {
  readonly type: DiskType;
}

/**
 * The tree's top and all below it, each folder before what it holds.
 * @param compare the order of a folder's names, which are byte strings
 * @throws {LaminixError} ERR_FILE_CHANGED, ERR_FILE_READ, ERR_FILE_TYPE
 */
export function* walk({ disk, name }: TreeSource, compare: CompareNames): Generator<DiskNode> {
  const pending: DiskNode[] = [{ disk, name, type: typeOf(disk) }];
  for (let next = pending.pop(); next; next = pending.pop()) {
    yield next;
    if (next.type !== "directory") continue;
    const children = childrenOf(next.disk, compare);
    for (let i = children.length - 1; i >= 0; i--) {
      const child = children[i] as Child;
      const inner = `${next.disk}/${child.name}`;
      const type = child.type ?? typeOf(inner);
      pending.push({
        disk: inner,
        name: next.name === next.disk ? inner : `${next.name}/${child.name}`,
        type,
      });
    }
  }
}

interface Child {
  readonly name: string;
  /** Absent where the file system does not tell with the name. */
  readonly type: DiskType | undefined;
}

function childrenOf(disk: string, compare: CompareNames): Child[] {
  const entries = reading(disk, () => readdirSync(fsPath(disk), { encoding: "latin1", withFileTypes: true }));
  if (entries.length > 1) entries.sort((one, other) => compare(one.name, other.name));
  return entries.map((entry) => ({
    name: entry.name,
    type: entry.isFile()
      ? "file"
      : entry.isDirectory()
        ? "directory"
        : entry.isSymbolicLink()
          ? "symlink"
          : undefined,
  }));
}

function typeOf(disk: string): DiskType {
  const stats = reading(disk, () => lstatSync(fsPath(disk)));
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "directory";
  if (stats.isSymbolicLink()) return "symlink";
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
