/** What goes into an image's root, and where it comes from. */
import { lstatSync } from "node:fs";
import { absolutePath } from "../files/home.js";
import { LaminixError, named } from "../errors.js";
import { type StorePath, storeDirOf, toStorePath } from "../store/storePath.js";
import type { Piece } from "../spec/pieces/piece.js";
import type { ContentsEntry } from "../spec/spec.js";

export type Content =
  | { readonly kind: "store"; readonly path: StorePath }
  /** A folder on this disk that is not in the store; absolute. */
  | { readonly kind: "folder"; readonly path: string }
  | { readonly kind: "piece"; readonly piece: Piece };

/**
 * Anything inside a store path counts as that path.
 * @throws {LaminixError} ERR_STORE_PATH; ERR_OUTSIDE_STORE for what is neither in the store nor a folder
 */
export function contentsOf(entries: readonly ContentsEntry[], storeDir: string): Content[] {
  return entries.map((entry) => {
    if (typeof entry !== "string") return { kind: "piece", piece: entry };
    if (entry.startsWith(`${storeDir}/`)) return { kind: "store", path: toStorePath(entry, storeDir) };
    return { kind: "folder", path: plainFolder(entry, storeDir) };
  });
}

export function storePathsOf(contents: readonly Content[]): StorePath[] {
  return contents.flatMap((content) => (content.kind === "store" ? [content.path] : []));
}

function plainFolder(path: string, storeDir: string): string {
  const folder = absolutePath(path);
  // The whole store is nothing that anybody wants copied.
  const hasStore = `${storeDir}/`.startsWith(folder === "/" ? folder : `${folder}/`);
  if (storeDirOf(folder) === undefined && !hasStore && isFolder(folder)) return folder;
  throw new LaminixError(
    "ERR_OUTSIDE_STORE",
    `${named(path)} is not in the Nix store ${storeDir}, and no folder outside of it`,
    {
      details: { path, storeDir },
      hint: `contents are store paths, such as ${storeDir}/<hash>-<name>, and folders`,
    },
  );
}

function isFolder(path: string): boolean {
  try {
    return lstatSync(path).isDirectory();
  } catch {
    return false;
  }
}
