/** What runs a script in an image that may have no shell. */
import { toByteString } from "../bytes/byteString.js";
import { nodeAt, placeOf } from "../tree/lookup.js";
import type { FolderNode } from "../tree/node.js";
import { TOOLS } from "./stage.js";

/** Shells that end at the first command that fails when they are told to. */
const SHELLS = /^(?:ba|da|a|k|z|mk)?sh$/;
const IN_IMAGE = ["/bin/bash", "/usr/bin/bash", "/bin/sh", "/usr/bin/sh"];

/** Programs of the image come first, then those that the machine has. */
export const SCRIPT_PATH = `/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:${TOOLS}/bin`;

/**
 * The interpreter that the script's first line names, a shell of the image, or busybox's. A shell ends at the first
 * command that fails, as dockerTools' does.
 */
export function shellFor(script: string, trees: readonly FolderNode[]): readonly string[] {
  const [, interpreter, argument] = /^#![ \t]*(\S+)(?:[ \t]+(.*?))?[ \t]*(?:\n|$)/.exec(script) ?? [];
  if (interpreter !== undefined) {
    const words = [interpreter, ...(argument === undefined || argument === "" ? [] : [argument])];
    const isShell = words.some((word) => SHELLS.test(word.slice(word.lastIndexOf("/") + 1)));
    return isShell ? [...words, "-e"] : words;
  }
  const own = IN_IMAGE.find((path) => trees.some((tree) => has(tree, path)));
  return [own ?? `${TOOLS}/bin/sh`, "-e"];
}

function has(root: FolderNode, path: string): boolean {
  const place = placeOf(root, toByteString(path));
  return place !== undefined && nodeAt(root, place) !== undefined;
}
