/** A root as `runAsRoot` leaves it. */
import { baseName } from "../store/storePath.js";
import type { Closure } from "../store/closure.js";
import { emptyRoot } from "../tree/apply.js";
import type { FolderNode, TreeNode } from "../tree/node.js";
import { overBase } from "../tree/overBase.js";
import type { RootScriptSpec, RunOptions } from "../vm/rootScript.js";
import { runAsRoot } from "../vm/run.js";
import type { StoreSource } from "../store/storeSource.js";

export interface RootScriptParts {
  readonly script: RootScriptSpec;
  /** What is copied to the root. */
  readonly root: FolderNode;
  /** What is below. */
  readonly base: FolderNode | undefined;
  readonly storeDir: string;
  /** What is in the store while the script runs. */
  readonly visible: Closure | undefined;
  /** Unix seconds. */
  readonly mtime: number;
}

/**
 * Runs the script. What it leaves is on top of the base as it is.
 * @throws {LaminixError} as `runAsRoot`
 */
export async function rootAfterScript(
  { script, root, base, storeDir, visible, mtime }: RootScriptParts,
  source: StoreSource,
  options: RunOptions,
): Promise<FolderNode> {
  const store = new Map<string, TreeNode>();
  for (const path of visible?.paths ?? [])
    store.set(baseName(path), { type: "store", files: await source.open(path) });
  const upper = base ? overBase(root, base) : root;
  return runAsRoot({ ...script, lower: base ?? emptyRoot(), upper, store, storeDir, mtime }, options);
}
