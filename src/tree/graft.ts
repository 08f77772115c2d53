/** One tree into another. */
import { decode } from "../bytes/byteString.js";
import type { OnConflict } from "./join.js";
import { FOLDER, type FolderNode, folderNode } from "./node.js";

/** Merges folders. What is there already stays, or goes, as `keep` has it. */
export function graft(
  into: FolderNode,
  from: FolderNode,
  { keep, onConflict }: { readonly keep: "first" | "last"; readonly onConflict?: OnConflict | undefined },
  at = "",
): void {
  if (from.attributes !== FOLDER) into.attributes = from.attributes;
  for (const [name, node] of from.children) {
    const place = `${at}/${name}`;
    const there = into.children.get(name);
    if (node.type === "directory" && (!there || there.type === "directory")) {
      const folder = there ?? folderNode();
      into.children.set(name, folder);
      graft(folder, node, { keep, onConflict }, place);
    } else if (!there || keep === "last") into.children.set(name, node);
    if (there && node.type !== "directory")
      onConflict?.(decode(place), keep === "first" ? "what was there before" : "a file");
  }
}
