/** Small files of this user's own, which anything may have happened to. */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";

/** Neither follows a link nor waits for a pipe's writer. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * The file's bytes; `undefined` where it cannot be read, is no regular file, belongs to another user, or is too large.
 * @param limit bytes
 */
export function readOwnFile(path: string, limit: number): Buffer | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, FLAGS);
    const stats = fstatSync(file);
    if (!stats.isFile() || stats.uid !== process.geteuid?.() || stats.size > limit) return undefined;
    const bytes = Buffer.alloc(stats.size);
    return readSync(file, bytes, 0, bytes.length, 0) === bytes.length ? bytes : undefined;
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
