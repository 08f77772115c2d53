/** Roots of the garbage collector that a user asks for. */
import { lstatSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { LaminixError } from "../errors.js";
import { packageName } from "../store/packageName.js";
import type { StorePath } from "../store/storePath.js";
import type { Editor } from "./editor.js";
import type { Asking } from "./asking.js";

/**
 * @param link where; `result-<name>` in the workspace's first folder unless given
 * @returns the link that was made
 */
export async function addRoot(
  text: string,
  link: string | undefined,
  { client, facts }: Editor,
  asking: Asking,
): Promise<{ readonly path: StorePath; readonly link: string }> {
  const path = await facts.storePath(text, asking);
  const place = link ?? freeLink(path, client.folders);
  return { path, link: await (await facts.daemon()).addRoot(path, place, asking) };
}

function freeLink(path: StorePath, folders: readonly string[]): string {
  const folder = folders.find((uri) => uri.startsWith("file:"));
  if (folder === undefined) {
    throw new LaminixError("ERR_GC_ROOT", "there is no folder to put the link into", {
      hint: "open a folder in the editor, or give the command a second argument: the link's path",
    });
  }
  const { name } = packageName(path);
  for (let i = 1; ; i++) {
    const link = join(fileURLToPath(folder), `result-${name}${i === 1 ? "" : `-${String(i)}`}`);
    if (!lstatSync(link, { throwIfNoEntry: false })) return link;
  }
}
