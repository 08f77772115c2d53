/** Text files that are read whole. */
import { readFileSync } from "node:fs";
import { LaminixError } from "../errors.js";

/** @throws {LaminixError} ERR_FILE_READ */
export function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new LaminixError("ERR_FILE_READ", `${file} cannot be read`, { cause, details: { path: file } });
  }
}
