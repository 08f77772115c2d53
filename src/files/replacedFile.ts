/** A file that is there whole or not at all: written beside its place, and renamed. */
import { constants, type Stats } from "node:fs";
import { access, type FileHandle, lstat, open, realpath, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { BorrowedBytes } from "../bytes/bytes.js";
import { cannotWriteUnlessCoded, refusedOutput } from "./cannotWrite.js";
import type { Output } from "./outputTarget.js";
import { textIfThere } from "./optionalFile.js";
import { unfinished } from "./owner.js";
import { partialPath, removeRemains } from "./partial.js";
import { tryToRemove } from "./removeTree.js";

/**
 * Checks that the file can be made; nothing is left of the attempt.
 * @param asked how errors call it
 * @param target where it is, no link
 * @throws {LaminixError} ERR_FILE_WRITE
 */
export async function replacedFile(asked: string, target: string): Promise<Output> {
  await writing(asked, async () => {
    const stats = await replaceable(asked, target);
    if (stats) await requireRenamable(asked, target, stats);
    await removeRemains(target);
    const trial = partialPath(target);
    await (await open(trial, "wx", 0o600)).close();
    await rm(trial);
  });
  return {
    path: asked,
    write: (pieces) => replace(asked, target, pieces),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

async function replace(asked: string, target: string, pieces: BorrowedBytes): Promise<number> {
  const temporary = partialPath(target);
  unfinished.add(temporary);
  try {
    const before = await writing(asked, () => replaceable(asked, target));
    // Until it has its owner, nobody else may read what may not be for them. That of a new file is the umask's matter.
    const file = await writing(asked, () => open(temporary, "wx", before ? 0o600 : 0o666));
    let size = 0;
    try {
      for await (const piece of pieces) {
        await writing(asked, () => writeAll(file, piece));
        size += piece.length;
      }
      await writing(asked, async () => {
        const now = (await replaceable(asked, target)) ?? before;
        if (now) await takeOver(file, now);
      });
    } finally {
      await writing(asked, () => file.close());
    }
    await writing(asked, () => rename(temporary, target));
    return size;
  } catch (error) {
    tryToRemove(temporary);
    throw error;
  } finally {
    unfinished.delete(temporary);
  }
}

/** What would make renaming fail, when all the work is done. */
async function requireRenamable(asked: string, target: string, { uid }: Stats): Promise<void> {
  await access(target, constants.W_OK);
  const folder = await stat(dirname(target));
  const user = process.geteuid?.();
  if ((folder.mode & 0o1000) !== 0 && ![uid, folder.uid, 0].includes(user ?? 0)) {
    throw refusedOutput(
      asked,
      "it is another user's, in a folder where only they may replace it",
      "write elsewhere",
    );
  }
  // A file of the host in a container, for one. Spaces and the like are written as octal numbers (proc(5), mountinfo).
  const place = (await realpath(target)).replace(
    /[ \t\n\\]/g,
    (it) => `\\${it.charCodeAt(0).toString(8).padStart(3, "0")}`,
  );
  const mounts = textIfThere("/proc/self/mountinfo").split("\n");
  if (mounts.some((line) => line.split(" ")[4] === place)) {
    throw refusedOutput(
      asked,
      "something is mounted there",
      "mount its folder instead, or write to standard output",
    );
  }
}

/** Owner, group and mode of the file that is replaced. Its ACL and other attributes are not taken over. */
async function takeOver(file: FileHandle, { uid, gid, mode }: Stats): Promise<void> {
  const own = await file.stat();
  let wanted = mode & 0o7777;
  if (own.uid !== uid || own.gid !== gid) {
    const chown = (owner: number, group: number): Promise<boolean> =>
      file.chown(owner, group).then(
        () => true,
        () => false,
      );
    if (!(await chown(uid, gid))) {
      // A set-user-ID bit would mean another user now; another group gets no more than everybody had.
      wanted &= 0o777;
      if (!(await chown(own.uid, gid))) wanted &= 0o707 | ((mode & 0o7) << 3);
    }
  }
  if (((await file.stat()).mode & 0o7777) !== wanted) await file.chmod(wanted);
}

/** `undefined` where there is nothing. What it is may have changed since the last look. */
async function replaceable(asked: string, target: string): Promise<Stats | undefined> {
  const stats = await lstat(target).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  });
  if (!stats) return undefined;
  if (!stats.isFile()) {
    throw refusedOutput(asked, "it has become something else than a file", "see what else writes there");
  }
  // Root may write to these too; in a Nix store they must not change.
  if ((stats.mode & 0o222) === 0) {
    throw refusedOutput(asked, "it is read-only", "write elsewhere, or remove it first");
  }
  return stats;
}

async function writing<T>(asked: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw cannotWriteUnlessCoded(asked, error);
  }
}

/** A piece, to where the file has been written to. */
export async function writeAll(file: FileHandle, piece: Uint8Array): Promise<void> {
  for (let done = 0; done < piece.length;) done += (await file.write(piece, done)).bytesWritten;
}
