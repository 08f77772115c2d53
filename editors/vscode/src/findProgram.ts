/** Where `laminix` is. */
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";

export interface Places {
  /** The setting `laminix.path`; empty where there is none. */
  readonly configured: string;
  /** Folders of the workspace. */
  readonly folders: readonly string[];
  /** Whether a program that the workspace brings may be started. */
  readonly trusted: boolean;
  /** As the environment variable `PATH` has them. */
  readonly searchPath: string;
}

export type FoundProgram =
  | { readonly program: string }
  /** What to tell the user. */
  | { readonly missing: string };

/** What the user names comes first, then the workspace's own, then the system's. */
export function findProgram({ configured, folders, trusted, searchPath }: Places): FoundProgram {
  if (configured !== "") {
    if (isAbsolute(configured) && isProgram(configured)) return { program: configured };
    return { missing: `The setting laminix.path must be the absolute path of a program, not ${configured}.` };
  }
  const own = folders.map((folder) => join(folder, "node_modules/.bin/laminix")).filter(isProgram);
  const everywhere = searchPath
    .split(delimiter)
    .filter(isAbsolute)
    .map((folder) => join(folder, "laminix"))
    .filter(isProgram);
  const [program] = trusted ? [...own, ...everywhere] : everywhere;
  if (program !== undefined) return { program };
  if (own.length > 0) {
    return { missing: "The laminix of this workspace is started once you trust the workspace." };
  }
  return {
    missing:
      "There is no laminix in node_modules of the workspace, nor in PATH. " +
      "Install it (npm install --global laminix), or name it in the setting laminix.path.",
  };
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
