/** Where this process is at home, and where it works. */
import { homedir } from "node:os";
import { resolve } from "node:path";
import { LaminixError } from "../errors.js";

/** Variables of a process, or of what stands in for them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The user's folder; `/` for one who has none, such as a user of a container that no passwd file knows. */
export function homeFolder({ HOME: home }: Environment): string {
  if (home) return home;
  try {
    return homedir() || "/";
  } catch {
    return "/";
  }
}

/**
 * A path in whole.
 * @throws {LaminixError} ERR_FILE_READ for a relative one where the working folder has been removed
 */
export function absolutePath(path: string): string {
  try {
    return resolve(path);
  } catch (cause) {
    const message = `${path} cannot be found: the working folder is not there any more`;
    throw new LaminixError("ERR_FILE_READ", message, { cause, details: { path } });
  }
}
