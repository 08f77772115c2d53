import { chmod, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { mustRun } from "./run.js";

export interface TemporaryFolder extends AsyncDisposable {
  readonly path: string;
  /** A path inside the folder; nothing is created. */
  join(...parts: string[]): string;
}

/** A new folder that every user may enter, since some tests look at it as another user; removed when disposed of. */
export async function temporaryFolder(label = "test"): Promise<TemporaryFolder> {
  const folder = await mkdtemp(path.join(tmpdir(), `laminix-${label}-`));
  await chmod(folder, 0o755);
  return {
    path: folder,
    join: (...parts) => path.join(folder, ...parts),
    [Symbol.asyncDispose]: () => removeTree(folder),
  };
}

/**
 * Removes a tree that may hold read-only store paths. The two programs are used instead of `fs.rm`, which
 * neither opens read-only folders nor copes with names that are not UTF-8.
 */
export async function removeTree(folder: string): Promise<void> {
  await mustRun("sh", ["-c", 'if [ -e "$1" ]; then chmod -R u+w "$1"; rm -rf "$1"; fi', "sh", folder], {
    timeout: 300_000,
  });
}
