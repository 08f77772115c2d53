import { LaminixError } from "../errors.js";

const reasons: Readonly<Record<string, string>> = {
  ENOSPC: "no space left on the disk",
  EDQUOT: "the disk quota is used up",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the file system is read-only",
  ENOENT: "its folder does not exist",
  ENOTDIR: "its folder is a file",
  EISDIR: "it is a folder",
  EEXIST: "it is there already",
  ENOTEMPTY: "it is there already",
  ENAMETOOLONG: "its name is too long",
  ELOOP: "its symbolic links form a loop",
  EBUSY: "something is mounted there",
  EBADF: "that descriptor is not open for writing",
  EPIPE: "its reader has closed it",
};

const hints: Readonly<Record<string, string>> = {
  ENOSPC: "free some space, or write elsewhere",
  EACCES: "it must be writable, and so must the folder that it is in",
  EPERM: "it must be writable, and so must the folder that it is in",
  ENOENT: "make the folder first",
  EISDIR: "name a file in it",
  EEXIST: "name one that is not there yet",
};

/** The coded error for a file, or standard output, that a system call could not write. */
export function cannotWrite(what: string, cause: unknown): LaminixError {
  const { code = "unknown" } = cause as NodeJS.ErrnoException;
  const hint = hints[code];
  return new LaminixError("ERR_FILE_WRITE", `${what} cannot be written: ${reasons[code] ?? code}`, {
    cause,
    details: { path: what, errno: code },
    ...(hint !== undefined && { hint }),
  });
}

/** The same, unless it is coded already. */
export function cannotWriteUnlessCoded(what: string, error: unknown): LaminixError {
  return error instanceof LaminixError ? error : cannotWrite(what, error);
}

/** The coded error for a place that is not written to. */
export function refusedOutput(what: string, why: string, hint: string): LaminixError {
  return new LaminixError("ERR_FILE_WRITE", `${what} cannot be written: ${why}`, {
    details: { path: what },
    hint,
  });
}
