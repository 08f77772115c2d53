/** Questions to files that need not be there. */
import { accessSync, readFileSync } from "node:fs";

/** The file's text; empty where it cannot be read. */
export function textIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** @param mode of `fs.constants`: `X_OK`, say */
export function isAccessible(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
