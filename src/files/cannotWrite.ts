import { LaminixError } from "../errors.js";

/** The coded error for a file, or standard output, that a system call could not write. */
export function cannotWrite(what: string, cause: unknown): LaminixError {
  const { code = "unknown" } = cause as NodeJS.ErrnoException;
  const reasons: Record<string, string> = {
    ENOSPC: "no space left on the disk",
    EDQUOT: "the disk quota is used up",
    EACCES: "permission denied",
    EROFS: "the file system is read-only",
    ENOENT: "its folder does not exist",
    ENOTDIR: "its folder is a file",
    EISDIR: "it is a folder",
    EEXIST: "it is there already",
    ENOTEMPTY: "it is there already",
  };
  return new LaminixError("ERR_FILE_WRITE", `${what} cannot be written: ${reasons[code] ?? code}`, {
    cause,
    details: { path: what, errno: code },
    ...(code === "ENOSPC" && { hint: "free some space, or write elsewhere" }),
  });
}
