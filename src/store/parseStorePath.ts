/** What a store path says of itself. */
import { checkGiven, requireKnown, requireString } from "../arguments.js";
import { packageName } from "./packageName.js";
import { baseName, hashPart, normalise, type StorePath, toStorePath } from "./storePath.js";

export interface ParsedStorePath {
  /** Without a slash at its end. */
  readonly storeDir: string;
  readonly path: StorePath;
  /** `<hash part>-<name>` */
  readonly baseName: string;
  /** 32 characters. */
  readonly hashPart: string;
  /** The package's, without version and output. */
  readonly name: string;
  /** Empty if the name has none; a derivation's is without `.drv`. */
  readonly version: string;
  /** `dev`, `lib`, …; empty for the first output. A name alone cannot tell it from a last word: see docs/closures.md. */
  readonly output: string;
  /** What is inside the store path, without a slash at either end; empty for the store path itself. */
  readonly inside: string;
}

export interface StorePathOptions {
  /** The store's directory. */
  readonly storeDir?: string | undefined;
}

/**
 * Takes a path in a store apart, by its text alone. `//`, `.` and `..` are resolved.
 * @param options.storeDir unless given, the first folder that holds a store path's base name
 * @throws {LaminixError} ERR_OUTSIDE_STORE, ERR_STORE_PATH
 */
export function parseStorePath(path: string, options: StorePathOptions = {}): ParsedStorePath {
  requireString(path, "path");
  requireKnown(options, ["storeDir"]);
  checkGiven(options, "options", { storeDir: requireString });
  const storePath = toStorePath(path, options.storeDir);
  const base = baseName(storePath);
  return {
    storeDir: storePath.slice(0, -base.length - 1),
    path: storePath,
    baseName: base,
    hashPart: hashPart(storePath),
    ...packageName(storePath.replace(/\.drv$/, "") as StorePath),
    inside: normalise(path).slice(storePath.length + 1),
  };
}
