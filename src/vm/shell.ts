/** What runs a script in an image that may have no shell. */
import { toByteString } from "../bytes/byteString.js";
import { nodeAt, placeOf } from "../tree/lookup.js";
import type { FolderNode } from "../tree/node.js";
import { bashEnvironment, shellProgram } from "../process/failedLine.js";
import { TOLD } from "./scriptLog.js";
import { SCRIPT, TOOLS, TRAPS } from "./stage.js";

/** Where the shell tells which command has ended the script; it goes with the script's namespaces. */
const FAILED = "/dev/shm/.laminix-failed";

/** What bash reads before the script. */
export const TRAPS_TEXT = bashEnvironment(FAILED, undefined);

/** Runs a shell, and adds to the script's output what the shell told. */
const TELLING = [
  '"$@"',
  "code=$?",
  `if [ $code != 0 ] && [ ! -L ${FAILED} ] && [ -f ${FAILED} ]; then`,
  `  echo "${TOLD}$(${TOOLS}/bin/head -c 16384 ${FAILED} | ${TOOLS}/bin/base64 -w 0)"`,
  "fi",
  "exit $code",
].join("\n");

/** Shells that end at the first command that fails when they are told to. */
const SHELLS = /^(?:ba|da|a|k|z|mk)?sh$/;
const IN_IMAGE = ["/bin/bash", "/usr/bin/bash", "/bin/sh", "/usr/bin/sh"];

/** Programs of the image come first, then those that the machine has. */
export const SCRIPT_PATH = `/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:${TOOLS}/bin`;

/**
 * What runs the script: the interpreter that the script's first line names, a shell of the image, or busybox's. A shell ends at the first
 * command that fails, as dockerTools' does.
 */
export function shellFor(script: string, trees: readonly FolderNode[]): readonly string[] {
  const [, interpreter, argument] = /^#![ \t]*(\S+)(?:[ \t]+(.*?))?[ \t]*(?:\n|$)/.exec(script) ?? [];
  if (interpreter !== undefined) {
    const words = [interpreter, ...(argument === undefined || argument === "" ? [] : [argument])];
    const isShell = words.some((word) => SHELLS.test(word.slice(word.lastIndexOf("/") + 1)));
    return isShell ? telling(words) : [...words, SCRIPT];
  }
  const own = IN_IMAGE.find((path) => trees.some((tree) => has(tree, path)));
  return telling([own ?? `${TOOLS}/bin/sh`]);
}

/** A shell that ends at the first command that fails, and tells which it was if it can. */
function telling(shell: readonly string[]): readonly string[] {
  return [`${TOOLS}/bin/sh`, "-c", TELLING, "sh", ...tellingWords(shell)];
}

function tellingWords(shell: readonly string[]): readonly string[] {
  const named = (pattern: RegExp): boolean => shell.some((word) => pattern.test(word));
  if (named(/(?:^|\/)bash$/)) return [`${TOOLS}/bin/env`, `BASH_ENV=${TRAPS}`, ...shell, "-e", SCRIPT];
  if (named(/(?:^|\/)a?sh$/)) return [...shell, "-e", "-c", shellProgram(FAILED, `${TOOLS}/bin`), SCRIPT];
  return [...shell, "-e", SCRIPT];
}

function has(root: FolderNode, path: string): boolean {
  const place = placeOf(root, toByteString(path));
  return place !== undefined && nodeAt(root, place) !== undefined;
}
