/** The program of a package that is meant where none was named. */
import { readdirSync } from "node:fs";
import { LaminixError } from "../errors.js";
import type { ImageSpec } from "../spec/spec.js";
import { packageName } from "../store/packageName.js";
import { type StorePath, toStorePath } from "../store/storePath.js";
import type { StoreSource } from "../store/storeSource.js";

/**
 * The one that is called like the package, or the only one, of the first of the contents.
 * @returns its path in an image's root
 * @throws {LaminixError} ERR_USAGE where there is none, or it is not clear which
 */
export async function onlyProgram(contents: ImageSpec["contents"], store: StoreSource): Promise<string> {
  const [first] = Array.isArray(contents) ? (contents as readonly unknown[]) : [contents];
  const path = typeof first === "string" ? storePath(first) : undefined;
  const names = path === undefined ? [] : await programs(path, store);
  const meant = names.find((name) => path !== undefined && name === packageName(path).name);
  const [only] = names;
  if (meant !== undefined) return `/bin/${meant}`;
  if (names.length === 1 && only !== undefined) return `/bin/${only}`;
  const some = names.slice(0, 8).join(", ");
  throw new LaminixError("ERR_USAGE", "there is no command to run", {
    hint:
      names.length === 0
        ? "give one after --"
        : `give one after --; ${String(path)} has ${some}${names.length > 8 ? " and more" : ""}`,
  });
}

function storePath(text: string): StorePath | undefined {
  try {
    return toStorePath(text);
  } catch {
    return undefined; // a plain folder
  }
}

async function programs(path: StorePath, store: StoreSource): Promise<string[]> {
  const files = await store.open(path);
  try {
    return "disk" in files ? readdirSync(`${files.disk}/bin`).sort() : [];
  } catch {
    return [];
  }
}
