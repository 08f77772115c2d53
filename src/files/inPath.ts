/** Programs as they are found when they are started. */
import { constants } from "node:fs";
import { join } from "node:path";
import { isAccessible } from "./optionalFile.js";

/** Where a program is found in `PATH`; `undefined` where it is not. */
export function inPath(program: string): string | undefined {
  const folders = (process.env.PATH ?? "").split(":");
  return folders.map((folder) => join(folder, program)).find((file) => isAccessible(file, constants.X_OK));
}
