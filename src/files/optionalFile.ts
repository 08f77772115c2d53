/** Questions to files that need not be there. */
import { accessSync, closeSync, openSync, readFileSync, readSync } from "node:fs";
import { toByteString } from "../bytes/byteString.js";
import { OpenFile } from "./openFile.js";

/** The file's text; empty where it cannot be read. */
export function textIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** @param mode of `fs.constants`: `X_OK`, say */
export function isAccessible(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

/** Bytes at the file's beginning, as Latin-1; empty where it cannot be read. */
export function firstBytes(path: string, count: number): string {
  const bytes = Buffer.alloc(count);
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    return bytes.toString("latin1", 0, readSync(file, bytes, 0, count, 0));
  } catch {
    return "";
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/**
 * The bytes of a small file of this user's own; `undefined` where it cannot be read, is no regular file, belongs to another user, or is too large.
 * @param limit bytes
 */
export function readOwnFile(path: string, limit: number): Buffer | undefined {
  let file: OpenFile | undefined;
  try {
    file = OpenFile.open(toByteString(path));
    const { uid, size } = file.stats;
    if (uid !== process.geteuid?.() || size > limit) return undefined;
    const bytes = Buffer.alloc(size);
    for (let at = 0; at < size;) at += file.read(bytes, at, size - at);
    return bytes;
  } catch {
    return undefined;
  } finally {
    file?.close();
  }
}
