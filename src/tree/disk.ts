/** A tree in a folder on this disk. */
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { LaminixError } from "../errors.js";
import { decode, fsPath } from "../bytes/byteString.js";
import { OpenFile } from "../files/openFile.js";
import { Pauses } from "../files/pauses.js";
import type { Body, FolderNode, TreeNode } from "./node.js";

/** Bytes that are copied at a time. */
const PIECE = 1 << 18;
/**
 * Bytes up to which a file is read and written: what copying in the kernel makes has its place on the disk at once, and
 * to take that away again costs fifty times as much as a small file that has never got so far.
 */
const SMALL = 1 << 20;

/**
 * Writes what is in a tree into a folder that is there and empty. Modes are kept, but folders can be written to by
 * whoever made them; owners and times are not.
 * @param folder a byte string
 * @throws {LaminixError} ERR_FILE_WRITE, ERR_FILE_READ, ERR_FILE_CHANGED
 */
export async function writeTree(
  root: FolderNode,
  folder: string,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<void> {
  const pauses = new Pauses(signal);
  await writeChildren(root, folder);

  async function writeChildren(node: FolderNode, at: string): Promise<void> {
    for (const [name, child] of node.children) {
      if (pauses.isDue()) await pauses.take();
      const inner = `${at}/${name}`;
      writeNode(child, inner);
      if (child.type === "directory") await writeChildren(child, inner);
    }
  }
}

function writeNode(node: TreeNode, at: string): void {
  try {
    if (node.type === "directory") {
      mkdirSync(fsPath(at));
      chmodSync(fsPath(at), node.attributes.mode | 0o700);
    } else if (node.type === "symlink") {
      symlinkSync(fsPath(node.target), fsPath(at));
    } else if (node.type === "file") {
      writeBody(node.body, at);
      chmodSync(fsPath(at), node.attributes.mode);
    }
  } catch (cause) {
    if (cause instanceof LaminixError) throw cause;
    const { code = "unknown" } = cause as NodeJS.ErrnoException;
    throw new LaminixError("ERR_FILE_WRITE", `${decode(at)} cannot be written: ${code}`, {
      cause,
      details: { path: decode(at) },
      ...(code === "ENOSPC" && { hint: "free some space, or set TMPDIR to another folder" }),
    });
  }
}

function writeBody(body: Body, at: string): void {
  if ("disk" in body) {
    copyFile(body.disk, at);
    return;
  }
  const fd = openSync(fsPath(at), "wx");
  try {
    if ("bytes" in body) {
      writeAll(fd, body.bytes);
      return;
    }
    const buffer = Buffer.allocUnsafe(Math.min(body.size, PIECE));
    for (let done = 0; done < body.size;) {
      const got = body.source.read(buffer, Math.min(buffer.length, body.size - done), body.offset + done);
      if (got === 0) throw new LaminixError("ERR_INTERNAL", "a temporary file became shorter");
      writeAll(fd, buffer.subarray(0, got));
      done += got;
    }
  } finally {
    closeSync(fd);
  }
}

function copyFile(disk: string, at: string): void {
  const file = OpenFile.open(disk);
  try {
    const { size } = file.stats;
    if (size > SMALL) {
      copyFileSync(fsPath(disk), fsPath(at), constants.COPYFILE_FICLONE);
      return;
    }
    const bytes = Buffer.allocUnsafe(size);
    for (let done = 0; done < size;) done += file.read(bytes, done, size - done);
    file.requireUnchanged();
    writeFileSync(fsPath(at), bytes, { flag: "wx" });
  } finally {
    file.close();
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
}
