/** What an output path leads to, and what is written there. */
import type { Stats } from "node:fs";
import { lstat, readlink, realpath, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { BorrowedBytes } from "../bytes/bytes.js";
import type { BytesOrPart } from "./filePart.js";
import { cannotWrite, cannotWriteUnlessCoded, refusedOutput } from "./cannotWrite.js";

export type OutputTarget =
  /** A regular file, or nothing yet. */
  | { readonly kind: "file"; readonly path: string; readonly exists: boolean }
  /** There is none yet where the path ends in a slash, and nothing is there. */
  | { readonly kind: "folder"; readonly path: string; readonly exists: boolean }
  /** A named pipe or a character device. */
  | { readonly kind: "pipe" | "device"; readonly path: string }
  /** One of this process. */
  | { readonly kind: "descriptor"; readonly descriptor: number };

export interface Output extends AsyncDisposable {
  /** As it was asked for. */
  readonly path: string;
  /**
   * Writes all of it; to be called once. A file is replaced when the last piece has come, and otherwise left as it is. What
   * has gone through a pipe or a device has gone.
   * @returns how many bytes
   * @throws {LaminixError} ERR_FILE_WRITE; and whatever `pieces` throws
   */
  write(pieces: BorrowedBytes): Promise<number>;
  /** The same where parts of files can be passed on. */
  writeParts?(pieces: AsyncIterable<BytesOrPart>): Promise<number>;
}

export interface OutputOptions {
  readonly signal?: AbortSignal | undefined;
  /** Text may be written to a terminal, an archive may not. */
  readonly content: "archive" | "text";
}

/** As many as Linux follows (path_resolution(7)). */
const MOST_LINKS = 40;

/**
 * Follows symbolic links, also one that leads to nothing: the file is then the one that it names.
 * @returns with a path that has no slash at its end
 * @throws {LaminixError} ERR_FILE_WRITE for a block device, a socket, a loop, and what cannot be looked at
 */
export async function outputTarget(asked: string): Promise<OutputTarget> {
  if (asked === "") throw refusedOutput("the output", "its name is empty", "name a file");
  try {
    let path = asked;
    let isFolder = false;
    for (let links = 0; links <= MOST_LINKS; links++) {
      isFolder ||= path.endsWith("/");
      path = path.replace(/(?<=.)\/+$/, "");
      const descriptor = await descriptorAt(path);
      if (descriptor !== undefined) return { kind: "descriptor", descriptor };
      const stats = await statsOf(path);
      if (!stats?.isSymbolicLink()) return targetOf(asked, path, stats, { isFolder });
      const text = await readlink(path);
      await requireTrusted(asked, path, stats);
      // Not normalised: what `..` means after a link, the system knows.
      path = text.startsWith("/") ? text : `${dirname(path)}/${text}`;
    }
  } catch (error) {
    throw cannotWriteUnlessCoded(asked, error);
  }
  throw cannotWrite(asked, { code: "ELOOP" });
}

function targetOf(
  asked: string,
  path: string,
  stats: Stats | undefined,
  { isFolder }: { readonly isFolder: boolean },
): OutputTarget {
  if (!stats) return { kind: isFolder ? "folder" : "file", path, exists: false };
  if (stats.isDirectory()) return { kind: "folder", path, exists: true };
  if (isFolder) throw refusedOutput(asked, "it is no folder", "leave out the slash at its end");
  if (stats.isFile()) return { kind: "file", path, exists: true };
  if (stats.isFIFO()) return { kind: "pipe", path };
  if (stats.isCharacterDevice()) return { kind: "device", path };
  const what = stats.isBlockDevice() ? "a block device" : "a socket";
  throw refusedOutput(asked, `it is ${what}`, "write to a file, or through a pipe");
}

/** The descriptor that a path such as `/dev/stdout` or `/proc/self/fd/3` stands for. Its link is none to follow. */
async function descriptorAt(path: string): Promise<number | undefined> {
  const [, number] = /\/(\d{1,9})$/.exec(path) ?? [];
  if (number === undefined) return undefined;
  const folder = await realpath(dirname(path)).catch(() => "");
  const [, id] = /^\/proc\/(\d+)\/(?:task\/\d+\/)?fd$/.exec(folder) ?? [];
  const isOwn =
    folder === "/dev/fd" || (id !== undefined && (await realpath("/proc/self")) === `/proc/${id}`);
  return isOwn ? Number(number) : undefined;
}

/** `undefined` where there is nothing. */
async function statsOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/**
 * As Linux does with `fs.protected_symlinks` (proc(5)): in a folder like `/tmp` everybody can make a link, and leave it to us
 * to overwrite what it leads to.
 */
async function requireTrusted(asked: string, link: string, { uid }: Stats): Promise<void> {
  const folder = await stat(dirname(link));
  const isShared = (folder.mode & 0o1002) === 0o1002;
  if (!isShared || uid === process.geteuid?.() || uid === folder.uid) return;
  const why = `${link} is another user's link in a folder that everybody may write to`;
  throw refusedOutput(asked, why, "write elsewhere");
}
