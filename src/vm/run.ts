/** Running a script as root over an image's files, whichever way. */
import type { FolderNode } from "../tree/node.js";
import { runInMachine } from "./machine.js";
import { runInNamespace } from "./namespace.js";
import { layerOf } from "./overlay.js";
import type { RootScript, RunOptions } from "./rootScript.js";
import { limited } from "./timeLimit.js";

/** Seconds. */
const TIME_LIMIT = 3600;

/**
 * What the script makes of the upper tree, as a layer on top of the lower: files that it changed, and whiteouts for
 * those that it deleted. The trees that were given are not to be used any more.
 * @throws {LaminixError} ERR_SCRIPT where it fails, ERR_SCRIPT_TIME, ERR_SCRIPT_OUTPUT, ERR_SCRIPT_ROOT, ERR_MACHINE and
 *   its kin, ERR_NAMESPACE, ERR_PROGRAM, ERR_FILE_READ, ERR_FILE_WRITE, ERR_UNSUPPORTED
 */
export async function runAsRoot(script: RootScript, options: RunOptions): Promise<FolderNode> {
  const { isolation = "machine", timeLimit = TIME_LIMIT } = options;
  using scope = limited(timeLimit, options.signal);
  const run = isolation === "machine" ? runInMachine : runInNamespace;
  const upper = await run(script, { ...options, signal: scope.signal });
  return layerOf(upper, script.mtime);
}
