/** Files as editors name them. */
import { pathToFileURL } from "node:url";

/** It has no password in it: it is a file of this disk. */
export function fileUri(path: string): string {
  return pathToFileURL(path).toString();
}
