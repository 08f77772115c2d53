/** Questions to files that need not be there. */
import { accessSync, closeSync, openSync, readFileSync, readSync } from "node:fs";

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

/** Bytes at the file's beginning, as Latin-1; empty where it cannot be read. */
export function firstBytes(path: string, count: number): string {
  const bytes = Buffer.alloc(count);
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    return bytes.toString("latin1", 0, readSync(file, bytes, 0, count, 0));
  } catch {
    return "";
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
