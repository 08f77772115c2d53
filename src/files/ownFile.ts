/** Small files of this user's own, which anything may have happened to. */
import { toByteString } from "../bytes/byteString.js";
import { OpenFile } from "./openFile.js";

/**
 * The file's bytes; `undefined` where it cannot be read, is no regular file, belongs to another user, or is too large.
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
