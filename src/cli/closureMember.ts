/** Arguments that name a path of a closure that has been named before. */
import { lstatSync } from "node:fs";
import type { Closure } from "../store/closure.js";
import { LaminixError } from "../errors.js";
import { notValid } from "../store/pathInfo.js";
import { ambiguous, likeHint, pathNamed } from "../store/questions/named.js";
import { hashPart, isBaseName, type StorePath, toStorePath } from "../store/storePath.js";
import type { StoreSource } from "../store/storeSource.js";
import { followed } from "../store/followed.js";
import { requireFile } from "./paths.js";

/** Whether an argument is a word that no file here has for a name. */
export function isWord(arg: string): boolean {
  const isPath = arg === "" || arg.includes("/") || arg.startsWith(".");
  return !isPath && !lstatSync(arg, { throwIfNoEntry: false });
}

/** For what looks into the closure itself: a word as it is, or the path that it leads to. @throws {LaminixError} ERR_FILE_READ */
export function memberArgument(arg: string): string {
  if (isWord(arg)) return arg;
  const path = followed(arg, undefined);
  requireFile(path, arg, undefined);
  return path;
}

/**
 * The store path that an argument names: a hash part, a name with or without its version, or a path, of which the
 * beginning is enough. A path need not be in the closure.
 * @throws {LaminixError} ERR_AMBIGUOUS, ERR_PATH_NOT_VALID, ERR_FILE_READ, ERR_OUTSIDE_STORE, ERR_STORE_PATH
 */
export async function closureMember(
  arg: string,
  closure: Closure,
  store: StoreSource,
  signal: AbortSignal,
): Promise<StorePath> {
  if (isWord(arg) || closure.named(arg).length > 0) return pathNamed(closure.paths, arg);
  const storeDir = await store.storeDir({ signal, near: closure.paths[0] });
  const path = followed(arg, storeDir);
  const begun = path.startsWith(`${storeDir}/`) ? path.slice(storeDir.length + 1) : undefined;
  if (begun !== undefined && !begun.includes("/") && !isBaseName(begun)) return beginning(path, closure);
  requireFile(path, arg, storeDir);
  const found = toStorePath(path, storeDir);
  if (closure.has(found)) return found;
  // Its name may have been cut short.
  const valid = await store.pathFromHashPart(hashPart(found), { signal });
  if (valid === found || valid?.startsWith(path)) return valid;
  const { code, message, details, hint } = notValid(found);
  throw new LaminixError(code, message, {
    details,
    ...(hint !== undefined && { hint }),
    ...nameHint(found, closure),
  });
}

function beginning(text: string, closure: Closure): StorePath {
  const found = closure.paths.filter((path) => path.startsWith(text));
  const [path] = found;
  if (found.length > 1) throw ambiguous(text, found);
  if (path !== undefined) return path;
  throw new LaminixError("ERR_PATH_NOT_VALID", `no store path in the closure begins with ${text}`, {
    details: { path: text },
    ...nameHint(text, closure),
  });
}

/** By what follows the hash part. */
function nameHint(path: string, closure: Closure): { readonly hint?: string } {
  const [, name] = /[^/-]*-([^/]*)$/.exec(path) ?? [];
  return name ? likeHint(closure.paths, name) : {};
}
