/** Store paths: `<storeDir>/<32 characters of base 32>-<name>`. */
import { requireString } from "../arguments.js";
import { LaminixError, named } from "../errors.js";

declare const brand: unique symbol;
/** The full path of a store object, checked for form, not for validity. */
export type StorePath = string & { readonly [brand]: "StorePath" };

/** Nix's own base 32: no e, o, u, t. */
const BASE_NAME = /^([0-9a-df-np-sv-z]{32})-([0-9a-zA-Z+\-._?=]{1,211})$/;

/**
 * The store path that contains a path, or is it.
 * @param storeDir the store's directory; unless given, the first folder that holds a store path's base name
 * @throws {LaminixError} ERR_OUTSIDE_STORE, ERR_STORE_PATH
 */
export function toStorePath(path: string, storeDir?: string): StorePath {
  requireString(path, "path");
  if (storeDir !== undefined) requireString(storeDir, "storeDir");
  const normal = normalise(path);
  const dir = storeDir ?? storeDirOf(normal);
  if (dir === undefined || !normal.startsWith(`${dir}/`)) {
    throw new LaminixError(
      "ERR_OUTSIDE_STORE",
      `${named(path)} is not in the Nix store${dir ? ` ${dir}` : ""}`,
      {
        details: { path, storeDir: dir },
        hint: `a store path looks like ${dir ?? "/nix/store"}/<hash>-<name>`,
      },
    );
  }
  const baseName = normal.slice(dir.length + 1).split("/")[0] ?? "";
  if (!BASE_NAME.test(baseName)) {
    throw new LaminixError("ERR_STORE_PATH", `${named(path)} is not a store path: ${problemOf(baseName)}`, {
      details: { path },
      hint: `a store path looks like ${dir}/<hash>-<name>`,
    });
  }
  return `${dir}/${baseName}` as StorePath;
}

/** Whether a text is the last component of a store path. */
export function isBaseName(text: string): boolean {
  return BASE_NAME.test(text);
}

/**
 * A name that a store path can have.
 * @throws {LaminixError} ERR_STORE_PATH
 */
export function checkName(name: string): void {
  const base = `${"0".repeat(32)}-${name}`;
  if (BASE_NAME.test(base)) return;
  throw new LaminixError(
    "ERR_STORE_PATH",
    `${JSON.stringify(name)} cannot name a store path: ${problemOf(base)}`,
    {
      details: { name },
    },
  );
}

function problemOf(baseName: string): string {
  const hash = baseName.split("-")[0] ?? "";
  if (hash.length !== 32) return `its hash has ${String(hash.length)} characters, not 32`;
  if (!/^[0-9a-df-np-sv-z]*$/.test(hash))
    return "its hash has characters other than 0-9 and a-z without e, o, t and u";
  if (baseName.length <= 33) return "its name is missing";
  if (baseName.length > 244) return "its name has more than 211 characters";
  return "its name has characters other than letters, digits and + - . _ ? =";
}

/** The folder that holds the first component of the path that looks like a store path's base name. */
export function storeDirOf(path: string): string | undefined {
  const parts = normalise(path).split("/");
  const at = parts.findIndex((part) => BASE_NAME.test(part));
  return path.startsWith("/") && at > 1 ? parts.slice(0, at).join("/") : undefined;
}

/** @throws {LaminixError} ERR_OUTSIDE_STORE where no component looks like a store path */
export function requireStoreDirOf(path: string): string {
  requireString(path, "path");
  const dir = storeDirOf(path);
  if (dir !== undefined) return dir;
  throw new LaminixError("ERR_OUTSIDE_STORE", `${named(path)} is not in a Nix store`, { details: { path } });
}

/** `//`, `.` and `..` away, by text alone. */
export function normalise(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return path.startsWith("/") ? `/${parts.join("/")}` : parts.join("/");
}

export function hashPart(path: StorePath): string {
  return baseName(path).slice(0, 32);
}

export function baseName(path: StorePath): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** Texts in the form of a store path of this store, wherever in a text they stand. */
export function storePathsIn(text: string, storeDir: string): StorePath[] {
  const pattern = new RegExp(`${asPattern(storeDir)}/[0-9a-df-np-sv-z]{32}-[0-9a-zA-Z+\\-._?=]+`, "g");
  return [...new Set(text.match(pattern))] as StorePath[];
}

/** A text as a regular expression that matches it. */
export function asPattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/**
 * A folder that a store can be at, without a trailing slash.
 * @throws {LaminixError} ERR_STORE_URL
 */
export function checkStoreDir(dir: string): string {
  const normal = normalise(dir);
  if (!dir.startsWith("/") || normal === "/") {
    throw new LaminixError("ERR_STORE_URL", `a store cannot be at ${JSON.stringify(dir)}`, {
      hint: "give an absolute folder, such as /nix/store",
    });
  }
  return normal;
}
