/** What is in a store path or a folder: the names, and where the contents are. */
import { lstatSync, readdirSync, readlinkSync } from "node:fs";
import { LaminixError } from "../errors.js";
import { compareBytes, decode, fsPath, toByteString } from "../bytes/byteString.js";
import { Spool } from "../files/spool.js";
import { reading } from "../files/walk.js";
import { narBatches } from "../nar/read.js";
import type { NarSource, PathFiles } from "../nar/source.js";
import { verifyNar } from "../nar/verify.js";
import type { Body } from "./node.js";

/** Names and targets are byte strings. */
export type Listed = ListedFile | ListedLink | ListedFolder;

export interface ListedFile {
  readonly type: "file";
  /**
   * Looked for only when asked for.
   * @throws {LaminixError} ERR_FILE_CHANGED, ERR_FILE_READ; ERR_FILE_TYPE for a device, a pipe or a socket
   */
  readonly contents: () => { readonly body: Body; readonly executable: boolean };
}

export interface ListedLink {
  readonly type: "symlink";
  readonly target: string;
}

export interface ListedFolder {
  readonly type: "directory";
  children(): Iterable<readonly [name: string, child: Listed]>;
  child(name: string): Listed | undefined;
}

export interface ListOptions {
  readonly signal?: AbortSignal | undefined;
  /**
   * Is given the temporary file with what the files of a NAR hold, to close it when they have been read. Without it
   * only names can be asked for.
   */
  readonly adopt?: ((resource: Disposable) => void) | undefined;
}

/**
 * The top of a path's tree. On the disk it is looked for as it is asked for; a NAR is read once.
 * @throws {LaminixError} ERR_FILE_CHANGED, ERR_FILE_READ; ERR_NAR, ERR_NAR_HASH, ERR_FILE_WRITE
 */
export async function list(path: string, files: PathFiles, options: ListOptions): Promise<Listed> {
  return "disk" in files ? listDisk(toByteString(files.disk)) : listNar(path, files, options);
}

/** @param disk a byte string */
export function listDisk(disk: string): Listed {
  const stats = reading(disk, () => lstatSync(fsPath(disk)));
  if (stats.isDirectory()) return folderOnDisk(disk);
  return stats.isSymbolicLink() ? { type: "symlink", target: targetOf(disk) } : fileOnDisk(disk);
}

/** What the top of a path's tree is, and no more of it. */
export type Top = ListedLink | { readonly type: "file" | "directory" };

/**
 * Of a NAR no more is read than tells it; where that is a link, which is all that is read of the path, the NAR is checked.
 * @throws {LaminixError} as `list`
 */
export async function topOf(
  path: string,
  files: PathFiles,
  { signal }: Pick<ListOptions, "signal"> = {},
): Promise<Top> {
  if ("disk" in files) {
    const top = listDisk(toByteString(files.disk));
    return top.type === "symlink" ? top : { type: top.type };
  }
  let top: Top = { type: "directory" };
  const stream = verifyNar(files.nar({ signal }), files, { signal, name: path });
  for await (const events of narBatches(stream, { name: path })) {
    for (const event of events) {
      if (event.type !== "symlink") return { type: event.type === "directory" ? "directory" : "file" };
      top = { type: "symlink", target: event.target };
    }
  }
  return top;
}

function folderOnDisk(disk: string): ListedFolder {
  return {
    type: "directory",
    *children() {
      const entries = reading(disk, () =>
        readdirSync(fsPath(disk), { encoding: "latin1", withFileTypes: true }),
      );
      // The order in which a NAR has them: what meets what must not be for the file system to say.
      for (const entry of entries.sort((one, other) => compareBytes(one.name, other.name))) {
        const inner = `${disk}/${entry.name}`;
        if (entry.isDirectory()) yield [entry.name, folderOnDisk(inner)];
        else if (entry.isSymbolicLink()) yield [entry.name, { type: "symlink", target: targetOf(inner) }];
        else yield [entry.name, fileOnDisk(inner)];
      }
    },
    child(name) {
      const inner = `${disk}/${name}`;
      return reading(inner, () => lstatSync(fsPath(inner), { throwIfNoEntry: false })) && listDisk(inner);
    },
  };
}

function fileOnDisk(disk: string): ListedFile {
  return {
    type: "file",
    contents: () => {
      const stats = reading(disk, () => lstatSync(fsPath(disk)));
      const { mode } = stats;
      if (!stats.isFile()) {
        throw new LaminixError("ERR_FILE_TYPE", `${decode(disk)} is neither a file, a folder nor a link`, {
          details: { path: decode(disk) },
          hint: "sockets, pipes and devices of a plain folder cannot be copied: take them away",
        });
      }
      return { body: { disk }, executable: (mode & 0o100) !== 0 };
    },
  };
}

function targetOf(disk: string): string {
  return reading(disk, () => readlinkSync(fsPath(disk), { encoding: "latin1" }));
}

async function listNar(path: string, source: NarSource, { signal, adopt }: ListOptions): Promise<Listed> {
  const folders = new Map<string, Map<string, Listed>>();
  const spool = adopt && new Spool();
  if (spool) adopt(spool);
  let top: Listed = folderOf(new Map());
  const stream = verifyNar(source.nar({ signal }), source, { signal, name: path });
  for await (const events of narBatches(stream, { name: path })) {
    for (const event of events) {
      if (event.type === "contents") {
        spool?.append(event.bytes);
        continue;
      }
      let listed: Listed;
      if (event.type === "symlink") listed = event;
      else if (event.type === "directory") {
        const children = new Map<string, Listed>();
        folders.set(event.path, children);
        listed = folderOf(children);
      } else {
        const { size, executable } = event;
        const body = spool ? { source: spool, offset: spool.size, size } : { bytes: new Uint8Array() };
        listed = { type: "file", contents: () => ({ body, executable }) };
      }
      const slash = event.path.lastIndexOf("/");
      if (event.path === "") top = listed;
      else folders.get(event.path.slice(0, Math.max(0, slash)))?.set(event.path.slice(slash + 1), listed);
    }
  }
  return top;
}

function folderOf(children: ReadonlyMap<string, Listed>): ListedFolder {
  return { type: "directory", children: () => children, child: (name) => children.get(name) };
}
